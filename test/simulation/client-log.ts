import type { ClientMessage } from '../../src/protocol/messages.js'
import type { Heard } from './socket-pair.js'

/** What happened to one client, as it saw it. `heard` is what it looked at, not what was sent to it. */
export type LogEntry =
  | { readonly kind: 'connected' }
  | { readonly kind: 'said'; readonly message: ClientMessage }
  | { readonly kind: 'heard'; readonly heard: Heard }
  /** It went, and looks at nothing more of that connection. */
  | { readonly kind: 'gone' }
