import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { Peer } from './server.js'

/** What we use of Socket.IO; it is installed in `bench/` by the bench itself, so its types are not there for everybody. */
interface Io {
  on(
    event: 'connection',
    heard: (socket: {
      on(event: 'join', heard: (room: string) => void): void
      join(room: string): void
      emit(event: string): void
    }) => void,
  ): void
  to(room: string): { emit(event: string, data: unknown): void }
}

export async function socketIo(): Promise<Peer> {
  const { Server } = createRequire(new URL('../package.json', import.meta.url))('socket.io') as {
    Server: new (server: object, options: object) => Io
  }
  const server = createServer()
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
  io.on('connection', (socket) => {
    socket.on('join', (room) => {
      socket.join(room)
      socket.emit('joined')
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  return {
    port: (server.address() as { port: number }).port,
    publish(room, texts) {
      for (const text of texts) io.to(room).emit('event', JSON.parse(text))
    },
  }
}
