/** Why the server closes a session (PROTOCOL §7): 4000–4499 reconnect, 4500–4999 do not until something changed. */
export const CLOSE_CODES = {
  GOING_AWAY: 4000,
  SLOW_CONSUMER: 4001,
  HEARTBEAT_TIMEOUT: 4002,
  INTERNAL: 4003,
  NO_HELLO: 4004,
  TOKEN_EXPIRED: 4005,
  OVERLOADED: 4006,
  UNAUTHORIZED: 4500,
  PROTOCOL_ERROR: 4501,
  REVOKED: 4504,
  SESSION_LIMIT: 4505,
} as const

export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES]

/** Whether a client whose socket closed with this code should try again by itself. */
export function shouldReconnect(code: number): boolean {
  return code < 4500 || code > 4999
}
