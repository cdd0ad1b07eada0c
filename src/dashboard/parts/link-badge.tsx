import { useEffect, useRef, useState } from 'preact/hooks'
import { announce } from '../announce.js'
import { formatDuration } from '../format.js'
import { isOnline, link, live } from '../live.js'
import { Store, useStore } from '../store.js'

/** Close code: one session too many of this user. */
const SESSION_LIMIT = 4505

const NEVER = new Store(false)

/** How fresh the page is: live, reconnecting with the age of what is shown, or offline. */
export function LinkBadge({ catchingUp = NEVER }: { readonly catchingUp?: Store<boolean> }) {
  const state = useStore(link)
  const hasNetwork = useStore(isOnline)
  const isCatchingUp = useStore(catchingUp)
  const spoken = !hasNetwork ? 'Offline' : state.kind === 'live' ? 'Live again' : state.kind === 'reconnecting' ? 'Reconnecting' : null
  const wasSpoken = useRef('Live again')
  useEffect(() => {
    // What was fine from the start is no news.
    if (spoken === null || spoken === wasSpoken.current) return
    wasSpoken.current = spoken
    announce(spoken, 'news')
  }, [spoken])
  const now = useClock(state.kind === 'reconnecting')
  const lostAt = state.kind === 'reconnecting' ? state.lostAt : null
  const age = lostAt === null ? 0 : Math.max(0, now - lostAt)
  if (!hasNetwork)
    return lostAt === null ? (
      <Badge tone="off" text="Offline" />
    ) : (
      <Badge tone="off" title="Offline" text={`as of ${formatDuration(age)} ago`} />
    )
  if (state.kind === 'live') return isCatchingUp ? <Badge tone="new" text="Catching up" /> : <Badge tone="live" text="Live" />
  if (state.kind === 'closed') {
    return <Badge tone="off" text={state.code === SESSION_LIMIT ? 'Not live: too many open pages' : 'Not live'} />
  }
  if (lostAt === null) return <Badge tone="new" text="Connecting" />
  return (
    <Badge tone="wait" title="Reconnecting" text={`as of ${formatDuration(age)} ago`}>
      <button type="button" class="link-button" onClick={() => live.retryNow()}>
        Retry
      </button>
    </Badge>
  )
}

function Badge({
  tone,
  title,
  text,
  children,
}: {
  readonly tone: 'new' | 'live' | 'wait' | 'off'
  /** What there is no room for on a narrow screen. */
  readonly title?: string
  readonly text: string
  readonly children?: preact.ComponentChildren
}) {
  return (
    <span class={`link link--${tone}`}>
      <span class="link__dot" aria-hidden="true" />
      <span>
        {title !== undefined && <span class="hide-narrow">{title} · </span>}
        {text}
      </span>
      {children}
    </span>
  )
}

function useClock(isRunning: boolean): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    if (!isRunning) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [isRunning])
  return now
}
