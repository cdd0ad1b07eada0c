import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { UserRef } from '../../protocol/views.js'
import { asApiError } from '../api.js'
import { formatMessage } from '../format.js'
import { signOut } from '../session.js'
import { LinkBadge } from './link-badge.js'

/** Where we are, how fresh it is, who we are. */
export function TopBar({ user, children }: { readonly user: UserRef; readonly children?: ComponentChildren }) {
  const [problem, setProblem] = useState<string | null>(null)
  const leave = () => signOut().catch((failure: unknown) => setProblem(formatMessage(asApiError(failure).message)))
  return (
    <header class="top">
      <a class="top__brand" href="#/" aria-label="Tallyroom, all projects">
        <Tally />
        <span>Tallyroom</span>
      </a>
      <div class="top__place">{children}</div>
      <LinkBadge />
      <button type="button" class="top__user" popovertarget="menu" aria-label={`Signed in as ${user.name}`}>
        <Avatar user={user} />
      </button>
      {/* A popover: Escape, a click elsewhere and the order of the focus are the browser's business. */}
      <div class="menu" id="menu" popover="auto">
        <p>
          Signed in as <strong>{user.name}</strong>
        </p>
        <button type="button" class="button" onClick={() => void leave()}>
          Sign out
        </button>
        {problem !== null && (
          <p class="notice notice--bad" role="alert">
            {problem}
          </p>
        )}
      </div>
    </header>
  )
}

/** The first letters of a name, on a colour that belongs to the person. */
function Avatar({ user }: { readonly user: UserRef }) {
  const initials = user.name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('')
  const tone = [...user.id].reduce((hash, char) => (hash * 37 + char.charCodeAt(0)) % 997, 0) % 5
  return (
    <span class={`avatar avatar--${tone}`} aria-hidden="true">
      {initials}
    </span>
  )
}

function Tally() {
  return (
    <svg class="top__mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="top__strokes" d="M9 9v14M14 9v14M19 9v14M24 9v14" />
      <path class="top__slash" d="M6 21 27 11" />
    </svg>
  )
}
