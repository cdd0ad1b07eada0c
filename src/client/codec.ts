import type { ClientMessage, ServerMessage } from '../protocol/messages.js'
import { JSON_SUBPROTOCOL } from '../protocol/version.js'

/** One way to write messages to a socket and to read them from it. */
export interface ClientCodec {
  /** Asks the server for it (C1). */
  readonly subprotocol: string
  encode(message: ClientMessage): string | Uint8Array<ArrayBuffer>
  /**
   * The server is trusted for the shape of what it sends; types that are not known fall through every switch.
   * @throws when it is no message of this codec.
   */
  decode(data: unknown): ServerMessage
}

export const jsonCodec: ClientCodec = {
  subprotocol: JSON_SUBPROTOCOL,
  encode: (message) => JSON.stringify(message),
  // What is no text fails to be parsed.
  decode: (data) => JSON.parse(data as string) as ServerMessage,
}
