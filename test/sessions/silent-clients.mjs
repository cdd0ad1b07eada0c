// Clients that open a WebSocket and say nothing: `silent-clients.mjs PORT PATH COUNT`. Says "open" when all are, and ends when all have been
// closed. A process of its own, for one may not have enough files for both ends.
import { once } from 'node:events'
import { connect } from 'node:net'

const [port, path, count] = process.argv.slice(2)
/** Handshakes under way at once. */
const AT_ONCE = 200
const REQUEST = [
  `GET ${path} HTTP/1.1`,
  'Host: localhost',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
]

const sockets = []
while (sockets.length < Number(count)) {
  const some = Array.from({ length: Math.min(AT_ONCE, Number(count) - sockets.length) }, () => {
    const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined)
    socket.write(`${REQUEST.join('\r\n')}\r\n\r\n`)
    return socket
  })
  await Promise.all(some.map((socket) => once(socket, 'data')))
  sockets.push(...some)
}
const closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
// Whom the server tells to go hangs up.
for (const socket of sockets) socket.once('data', () => socket.end())
console.log('open')
await closed
