// The least that it takes to bring what is published on Redis to sockets: ioredis hears, `ws` sends a prebuilt frame.
import { Redis } from 'ioredis'
import { rawWs } from '../live/raw-ws.js'

const [url, ...rooms] = process.argv.slice(2)
const peer = await rawWs()
const redis = new Redis(url!)
redis.on('message', (room: string, text: string) => peer.publish(room, [text]))
await redis.subscribe(...rooms)
process.on('disconnect', () => process.exit(0))
process.send?.({ port: peer.port })
