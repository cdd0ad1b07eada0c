import { Redis, type RedisOptions } from 'ioredis'
import { AppError } from '../errors.js'
import { invalidItem } from './items.js'

/** A command without an answer has an unknown outcome after this long (B6). */
const COMMAND_TIMEOUT_MS = 2_000
/** A connection on which a command waits and nothing comes for this long is dead, whatever TCP believes. */
const SOCKET_TIMEOUT_MS = 3_000
/** While packets are swallowed each attempt lasts so long: what is back is found at the next one. */
const CONNECT_TIMEOUT_MS = 2_000
/** Who replaces a dead connection must not wait until the other side has said goodbye too: it says nothing (D9). */
const DISCONNECT_TIMEOUT_MS = 100
/** Reconnecting waits between a quarter of and all of `min(max, min × 2^k)`: never a busy loop, never all at once, and soon enough when it is back. */
const RECONNECT = { minDelayMs: 100, maxDelayMs: 250 }

const SETTINGS = {
  lazyConnect: true,
  // A command that was queued or sent again by itself would be published twice, or long after its caller gave up.
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SOCKET_TIMEOUT_MS,
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy: (attempt) => reconnectDelayMs(attempt, Math.random()),
} satisfies RedisOptions

/** A connection that is opened by `connect()` and then comes back by itself; `onState` hears of it lost and found, once each. */
export function redisConnection(url: string, connectionName: string, onState: (state: 'ready' | 'lost') => void): Redis {
  const redis = new Redis(url, { ...SETTINGS, connectionName })
  // Each failed attempt is an `error`; what matters is told by `ready` and `close`.
  redis.on('error', () => undefined)
  let isReady = false
  redis.on('ready', () => {
    isReady = true
    onState('ready')
  })
  redis.on('close', () => {
    if (isReady) onState('lost')
    isReady = false
  })
  return redis
}

/** Milliseconds before attempt 1, 2, …; `random` is in [0, 1). */
export function reconnectDelayMs(attempt: number, random: number): number {
  const ceiling = Math.min(RECONNECT.maxDelayMs, RECONNECT.minDelayMs * 2 ** Math.min(attempt - 1, 10))
  return Math.round(ceiling / 4 + random * ceiling * 0.75)
}

/** Translates what Redis and its client throw. */
export async function available<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command()
  } catch (error) {
    if (error instanceof AppError) throw error
    const [code, index, ...why] = (error instanceof Error ? error.message : '').split(' ')
    if (code === 'ERR_INVALID') throw invalidItem(Number(index), why.join(' '))
    if (code === 'ERR_RATE_LIMITED') throw new AppError('RATE_LIMITED', { message: [index, ...why].join(' ') })
    throw new AppError('BUS_UNAVAILABLE', { message: 'Redis cannot be reached', cause: error })
  }
}
