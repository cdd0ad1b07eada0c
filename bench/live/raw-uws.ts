import { loadUws } from '../../src/transport/uws-loader.js'
import type { Peer } from './server.js'

/** The least that uWebSockets.js needs to fan out: its own publish. */
export async function rawUws(): Promise<Peer> {
  const uws = await loadUws()
  const app = uws.App()
  app.ws<{ room: string }>('/live', {
    maxPayloadLength: 64 * 1024,
    idleTimeout: 960,
    sendPingsAutomatically: false,
    upgrade(response, request, context) {
      response.upgrade({ room: request.getQuery('room') ?? '' }, request.getHeader('sec-websocket-key'), '', '', context)
    },
    open(ws) {
      ws.subscribe(ws.getUserData().room)
    },
  })
  let port = 0
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) port = uws.us_socket_local_port(socket)
  })
  return {
    port,
    publish(room, texts) {
      for (const text of texts) app.publish(room, text)
    },
  }
}
