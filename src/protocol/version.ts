/** The subprotocol that a session is offered under: version 1 of the messages, as JSON in text frames (C1). */
export const JSON_SUBPROTOCOL = 'tallyroom.v1.json'

/** The same messages as MessagePack in binary frames (C1). */
export const MSGPACK_SUBPROTOCOL = 'tallyroom.v1.msgpack'

/** Where the WebSocket is opened (C1). */
export const LIVE_PATH = '/v1/live'

/**
 * What each change of the wire meant. A test compares `schema` of the last line with the messages' JSON schema; whoever changes them
 * adds a line: compatible (a client of yesterday goes on), or a new version.
 */
export const WIRE_CHANGES = [
  {
    version: 1,
    schema: '712551d8f907',
    change: 'first messages: hello, join, leave, pong; welcome, joined, left, deliver, rejoin, ping, error',
  },
  {
    version: 1,
    schema: 'b3ead5db3b28',
    change: 'publish, refresh; ack, status, expiring, goaway. Compatible: clients ignore types that they do not know',
  },
  {
    version: 1,
    schema: '13035640f38b',
    change:
      'presence, claim, release; claimed; errors NOT_JOINED and CLAIMED. Compatible: nobody is shown or held by a client that sends none',
  },
  {
    version: 1,
    schema: '349d5b3d5081',
    change: 'suggestions in the summary; error COUNT_CHANGED. Compatible: clients ignore fields that they do not know',
  },
  {
    version: 1,
    schema: 'f67a2dcde0ca',
    change: 'breaks in the summary: how many are open. Compatible: clients ignore fields that they do not know',
  },
  {
    version: 1,
    schema: '047e5fe3989e',
    change: 'unmatched in the summary: records that no job has compared. Compatible: clients ignore fields that they do not know',
  },
] as const
