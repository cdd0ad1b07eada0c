export { type LinkState, LiveClient, type LiveClientOptions } from './client.js'
export type { OpenSocket, Socket } from './connection.js'
export type { RoomHandlers } from './room.js'
