import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { ApiError } from '../api.js'
import { formatMessage } from '../format.js'

/** Anything faster needs no placeholder: it would only flicker. */
const SKELETON_AFTER_MS = 150

/** A placeholder in the shape of what is coming. */
export function Skeleton({ kind }: { readonly kind: 'page' | 'cards' | 'rows' }) {
  const [isShown, setShown] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), SKELETON_AFTER_MS)
    return () => clearTimeout(timer)
  }, [])
  if (!isShown) return <div class="skeleton-space" aria-busy="true" />
  const count = kind === 'rows' ? 7 : kind === 'cards' ? 3 : 4
  return (
    <div class={`skeleton skeleton--${kind}`} role="img" aria-busy="true" aria-label="Loading">
      {Array.from({ length: count }, (_, index) => (
        <div key={index} class="skeleton__bar" />
      ))}
    </div>
  )
}

/** Nothing is here yet: what this is, and the one thing to do. */
export function Empty({
  title,
  children,
  action,
}: {
  readonly title: string
  readonly children: ComponentChildren
  readonly action?: ComponentChildren
}) {
  return (
    <section class="empty">
      <svg class="empty__mark" viewBox="0 0 64 40" aria-hidden="true">
        <rect x="1" y="6" width="26" height="28" rx="4" />
        <rect x="37" y="6" width="26" height="28" rx="4" />
        <path d="M6 14h16M6 20h12M6 26h14M42 14h16M42 20h12M42 26h14" />
        <path class="empty__link" d="M27 20h10" />
      </svg>
      <h2>{title}</h2>
      <p>{children}</p>
      {action}
    </section>
  )
}

/** What went wrong, what to quote when asking about it, and a way to try again; the rest of the page goes on. */
export function Failure({ error, onRetry }: { readonly error: ApiError; readonly onRetry?: () => void }) {
  const isForbidden = error.status === 403
  return (
    <section class="failure" role="alert">
      <svg class="failure__mark" viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="10" />
        <path d="M12 7v6M12 16.5v.5" />
      </svg>
      <h2>{titleOf(error)}</h2>
      <p>{formatMessage(error.message)}</p>
      {isForbidden && <p class="muted">Someone who manages the project can add you as a member.</p>}
      {error.code === 'UNREACHABLE' && <p class="muted">The server may be restarting, or your network is away.</p>}
      {error.requestId !== null && (
        <p class="muted small">
          Request <code>{error.requestId}</code>
        </p>
      )}
      {onRetry !== undefined && !isForbidden && (
        <button type="button" class="button" onClick={onRetry}>
          Try again
        </button>
      )}
      {(isForbidden || error.status === 404) && (
        <a class="button" href="#/">
          All projects
        </a>
      )}
    </section>
  )
}

function titleOf(error: ApiError): string {
  if (error.status === 403) return 'No access'
  if (error.status === 404) return 'Not here any more'
  return error.code === 'UNREACHABLE' ? 'Nobody answers' : 'This did not work'
}
