export { type LinkState, LiveClient, type LiveClientOptions, type RoomHandlers } from './client.js'
export type { OpenSocket, Socket } from './connection.js'
