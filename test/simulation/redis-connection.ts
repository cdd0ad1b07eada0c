import { EventEmitter } from 'node:events'
import type { Redis } from 'ioredis'
import { reconnectDelayMs } from '../../src/bus/redis-connection.js'
import type { RedisNetwork } from './redis-network.js'
import { type Reply, ReplyError } from './simulated-redis.js'

/** As of the bus's connections. */
const COMMAND_TIMEOUT_MS = 2_000
const CONNECT_TIMEOUT_MS = 2_000

type Command = readonly [name: string, ...args: string[]]
/** Of each command, what it was answered or why not. */
type Answer = readonly (readonly [Error | null, unknown])[]

interface Pending {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  cancelTimeout: (() => void) | null
}

/** Commands that are sent together. */
interface Chain {
  exec(): Promise<Answer>
  readonly [command: string]: (...args: unknown[]) => unknown
}

/**
 * What the bus uses of an ioredis connection, with its settings: nothing waits for a connection, nothing is sent twice, a command has two
 * seconds, a lost connection comes back by itself. What becomes of what it sends, the network says.
 */
export class RedisConnection extends EventEmitter {
  status: 'wait' | 'connecting' | 'ready' | 'reconnecting' | 'end' = 'wait'
  /** Nothing comes through, and nobody says so. */
  isSwallowing = false
  /** The process at this end is gone. */
  isDead = false
  readonly channels = new Set<string>()
  readonly #network: RedisNetwork
  readonly #onState: (state: 'ready' | 'lost') => void
  readonly #pending = new Set<Pending>()
  /** Rises with each connection: what is on its way belongs to one. */
  #no = 0
  #attempts = 0
  #sentUntil = 0
  #heardUntil = 0

  constructor(network: RedisNetwork, onState: (state: 'ready' | 'lost') => void) {
    super()
    this.#network = network
    this.#onState = onState
  }

  /** As what the bus takes it for: it uses no more of it than there is. */
  get redis(): Redis {
    return this as unknown as Redis
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => this.#connect(resolve, reject))
  }

  disconnect(isComingBack = false): void {
    if (this.status === 'end') return
    this.#close(isComingBack)
  }

  /** The other side, or the network, ends the connection. */
  cut(): void {
    if (this.status === 'ready') this.#close(true)
  }

  /** Nothing comes through from here on: commands wait until their time is over. */
  swallow(): void {
    if (this.status !== 'ready') return
    this.isSwallowing = true
    this.watch()
  }

  /** Redis does not answer for now: each command that waits has its time. */
  watch(): void {
    for (const pending of this.#pending) this.#arm(pending)
  }

  /** The process at this end is gone: it hears nothing any more. */
  die(): void {
    this.isDead = true
    this.#no++
    this.status = 'end'
    this.channels.clear()
    this.#network.connections.delete(this)
  }

  /** A message of a channel arrives after `delayMs`, `isLate`: whatever comes before it. */
  deliver(channel: string, message: string, delayMs: number, isLate: boolean): void {
    const { clock } = this.#network.options
    const no = this.#no
    const at = isLate ? clock.now() + delayMs : Math.max(this.#heardUntil, clock.now() + delayMs)
    if (!isLate) this.#heardUntil = at
    clock.after(at - clock.now(), () => {
      if (no === this.#no && this.status === 'ready' && !this.isSwallowing) this.emit('message', channel, message)
    })
  }

  eval(...args: unknown[]): Promise<Reply> {
    return this.#one('eval', args)
  }

  evalsha(...args: unknown[]): Promise<Reply> {
    return this.#one('evalsha', args)
  }

  hget(...args: unknown[]): Promise<Reply> {
    return this.#one('hget', args)
  }

  hmget(...args: unknown[]): Promise<Reply> {
    return this.#one('hmget', args)
  }

  set(...args: unknown[]): Promise<Reply> {
    return this.#one('set', args)
  }

  publish(...args: unknown[]): Promise<Reply> {
    return this.#one('publish', args)
  }

  subscribe(...channels: string[]): Promise<Reply> {
    return this.#one('subscribe', channels)
  }

  unsubscribe(...channels: string[]): Promise<Reply> {
    return this.#one('unsubscribe', channels)
  }

  multi(): Chain {
    return this.#chain()
  }

  pipeline(): Chain {
    return this.#chain()
  }

  #connect(resolve: () => void, reject: (error: Error) => void): void {
    const { clock, random } = this.#network.options
    if (this.isDead) return
    this.status = 'connecting'
    const no = ++this.#no
    const isSwallowed = this.#network.swallowsConnections
    clock.after(isSwallowed ? CONNECT_TIMEOUT_MS : random.below(5), () => {
      if (no !== this.#no || this.isDead) return
      if (this.#network.isDown || isSwallowed) {
        reject(new Error('Connection is closed.'))
        this.#close(true)
        return
      }
      this.status = 'ready'
      this.#attempts = 0
      this.#sentUntil = 0
      this.#heardUntil = 0
      this.#network.connections.add(this)
      resolve()
      this.#onState('ready')
      this.emit('ready')
    })
  }

  #close(isComingBack: boolean): void {
    const { clock, random } = this.#network.options
    const wasReady = this.status === 'ready'
    this.#no++
    this.status = isComingBack ? 'reconnecting' : 'end'
    this.isSwallowing = false
    this.channels.clear()
    this.#network.connections.delete(this)
    const waiting = [...this.#pending]
    this.#pending.clear()
    for (const { reject, cancelTimeout } of waiting) {
      cancelTimeout?.()
      reject(new Error('Connection is closed.'))
    }
    if (wasReady) this.#onState('lost')
    if (!isComingBack) return
    const no = this.#no
    clock.after(reconnectDelayMs(++this.#attempts, random.next()), () => {
      if (no === this.#no)
        this.#connect(
          () => undefined,
          () => undefined,
        )
    })
  }

  async #one(name: string, args: readonly unknown[]): Promise<Reply> {
    const [[error, reply]] = (await this.#send([[name, ...args.map(String)]])) as [[Error | null, Reply]]
    if (error) throw error
    return reply
  }

  #chain(): Chain {
    const commands: Command[] = []
    const chain: Chain = new Proxy({} as Chain, {
      get: (_, name: string) => {
        if (name === 'exec') return () => this.#send(commands)
        return (...args: unknown[]) => {
          commands.push([name, ...args.map(String)])
          return chain
        }
      },
    })
    return chain
  }

  /** There and back again, each way in the order of sending. */
  #send(commands: readonly Command[]): Promise<Answer> {
    if (this.isDead) return new Promise(() => undefined)
    if (this.status !== 'ready') return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"))
    const { random, situations } = this.#network.options
    return new Promise((resolve, reject) => {
      const pending: Pending = { resolve, reject, cancelTimeout: null }
      this.#pending.add(pending)
      if (this.isSwallowing || this.#network.isStopped) this.#arm(pending)
      const no = this.#no
      this.#sentUntil = this.#network.carry(this.#sentUntil, () => {
        // What a connection that is cut has sent may arrive all the same.
        if (this.#network.isDown) return
        if (no !== this.#no ? random.chance(0.5) : this.isSwallowing) return
        this.#network.whenRunning(() => {
          const answer = this.#run(commands, no)
          if (no !== this.#no) situations.count('an answer is lost')
          this.#heardUntil = this.#network.carry(this.#heardUntil, () => {
            if (no !== this.#no || this.isSwallowing || !this.#pending.delete(pending)) return
            pending.cancelTimeout?.()
            pending.resolve(answer)
          })
        })
      })
    })
  }

  #run(commands: readonly Command[], no: number): Answer {
    return commands.map(([name, ...args]) => {
      try {
        if (name === 'subscribe' || name === 'unsubscribe') {
          if (no === this.#no) for (const channel of args) this.channels[name === 'subscribe' ? 'add' : 'delete'](channel)
          return [null, args.length]
        }
        const reply = this.#network.redis.run(name, args)
        if (name !== 'hgetall') return [null, reply]
        const fields = reply as string[]
        return [null, Object.fromEntries(fields.flatMap((field, at) => (at % 2 === 0 ? [[field, fields[at + 1]]] : [])))]
      } catch (error) {
        if (error instanceof ReplyError) {
          if (error.message.startsWith('NOSCRIPT')) this.#network.options.situations.count('the script is not known')
          return [error, null]
        }
        throw error
      }
    })
  }

  #arm(pending: Pending): void {
    pending.cancelTimeout ??= this.#network.options.clock.after(COMMAND_TIMEOUT_MS, () => {
      if (!this.#pending.delete(pending)) return
      this.#network.options.situations.count('a command has no answer in time')
      pending.reject(new Error('Command timed out'))
    })
  }
}
