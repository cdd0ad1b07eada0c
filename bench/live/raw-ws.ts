import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import type { Peer } from './server.js'

/** The least that `ws` needs to fan out: a prebuilt frame, one write per event and socket. */
export async function rawWs(): Promise<Peer> {
  const rooms = new Map<string, Set<Duplex>>()
  const server = createServer()
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false, maxPayload: 64 * 1024 })
  server.on('upgrade', (request, duplex, head) => {
    wss.handleUpgrade(request, duplex, head, () => {
      const room = new URL(request.url!, 'http://x').searchParams.get('room')!
      const sockets = rooms.get(room) ?? new Set()
      rooms.set(room, sockets.add(duplex))
      duplex.on('close', () => sockets.delete(duplex))
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  return {
    port: (server.address() as { port: number }).port,
    publish(room, texts) {
      for (const text of texts) {
        const frame = frameOf(text)
        for (const socket of rooms.get(room) ?? []) socket.write(frame)
      }
    },
  }
}

function frameOf(text: string): Buffer {
  const body = Buffer.from(text)
  return Buffer.concat([
    body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]),
    body,
  ])
}
