// How a client is connected, apart from any socket: pure, so that every order of events can be tested.
//
//   idle        nothing is wanted              open → connecting
//   connecting  an attempt is under way        welcome → live · ended → waiting or closed
//   live        welcomed                       ended → waiting or closed
//   waiting     for the next attempt           open, retry → connecting
//   closed      the code says to stop          open → connecting
//   all         close → idle
//
// While a process of the server goes away, a second connection is opened beside the first; as long as one of them is live, so is the link.

import { CLOSE_CODES, shouldReconnect } from '../protocol/close-codes.js'
import type { StatusMessage } from '../protocol/messages.js'
import type { UserRef } from '../protocol/views.js'
import { reconnectDelayMs } from './backoff.js'

export type LinkPhase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live'; readonly since: number }
  | { readonly kind: 'waiting'; readonly retryAt: number }
  | { readonly kind: 'closed'; readonly code: number }

/** Times are Unix milliseconds. */
export interface Link {
  readonly phase: LinkPhase
  /** Attempts that led to nothing that lasted: the exponent of the next delay. */
  readonly attempt: number
  /** Since when there is no connection that should be there; null while there is one, or none is wanted. */
  readonly lostAt: number | null
  /** The last connection ended with an expired token, and nothing was live since. */
  readonly isExpired: boolean
}

export type LinkInput =
  /** Somebody wants a connection now, whatever was before. */
  | { readonly kind: 'open' }
  /** The delay has passed, or there is a reason not to wait for it. */
  | { readonly kind: 'retry' }
  | { readonly kind: 'welcome' }
  | { readonly kind: 'ended'; readonly code: number }
  | { readonly kind: 'close' }

/** Who the server says that we are, and how it is. */
export interface LiveSession {
  readonly user: UserRef
  /** Id of the session, as others see it in the project's presence. */
  readonly session: string
  /** `degraded`: what happens elsewhere comes later. */
  readonly bus: StatusMessage['bus']
}

/** How the client is connected, as one would tell a person. Times are Unix milliseconds. */
export type LinkState =
  /** For the first time, or after it was closed. */
  | { readonly kind: 'connecting' }
  /** Also for {@link SILENT_LOSS_MS} after a loss: most are over before anybody could act on them. */
  | ({ readonly kind: 'live' } & LiveSession)
  /** What is shown is as of `lostAt`. */
  | { readonly kind: 'reconnecting'; readonly lostAt: number }
  /** Not tried again until `open` or `retryNow`: the code says so (PROTOCOL §7); null: nobody wanted a connection. */
  | { readonly kind: 'closed'; readonly code: number | null }

export const IDLE_LINK: Link = { phase: { kind: 'idle' }, attempt: 0, lostAt: null, isExpired: false }

/** A connection that was live for so long was none of a row of failures: a server that welcomes and breaks is not stormed. */
export const STABLE_MS = 5_000

/** A loss that is over sooner is not told. */
export const SILENT_LOSS_MS = 2_000

/** The link after an input; the same link when nothing changes. `random` gives [0, 1). */
export function advance(link: Link, input: LinkInput, now: number, random: () => number): Link {
  const { kind } = link.phase
  switch (input.kind) {
    case 'open':
      if (kind === 'connecting' || kind === 'live') return link
      return kind === 'waiting' ? { ...link, phase: { kind: 'connecting' } } : { ...IDLE_LINK, phase: { kind: 'connecting' } }
    case 'retry':
      return kind === 'waiting' ? { ...link, phase: { kind: 'connecting' } } : link
    case 'welcome':
      return kind === 'connecting' ? { ...link, phase: { kind: 'live', since: now }, lostAt: null, isExpired: false } : link
    case 'ended':
      return kind === 'connecting' || kind === 'live' ? end(link, input.code, now, random) : link
    case 'close':
      return IDLE_LINK
  }
}

function end(link: Link, code: number, now: number, random: () => number): Link {
  const isExpired = code === CLOSE_CODES.TOKEN_EXPIRED
  // A fresh token was tried once already.
  if (!shouldReconnect(code) || (isExpired && link.isExpired)) return { ...IDLE_LINK, phase: { kind: 'closed', code } }
  const { phase } = link
  const attempt = phase.kind === 'live' && now - phase.since >= STABLE_MS ? 0 : link.attempt
  return {
    phase: { kind: 'waiting', retryAt: now + reconnectDelayMs(attempt, random) },
    attempt: attempt + 1,
    lostAt: link.lostAt ?? now,
    isExpired,
  }
}

/** What to tell of a link; null: what was told before still holds. */
export function describe({ phase, lostAt }: Link, session: LiveSession | null, now: number): LinkState | null {
  switch (phase.kind) {
    case 'idle':
      return { kind: 'closed', code: null }
    case 'closed':
      return { kind: 'closed', code: phase.code }
    case 'live':
      return session && { kind: 'live', ...session }
    default:
      if (lostAt === null) return { kind: 'connecting' }
      // Before the loss: the clock was set back.
      return now >= lostAt && now - lostAt < SILENT_LOSS_MS ? null : { kind: 'reconnecting', lostAt }
  }
}
