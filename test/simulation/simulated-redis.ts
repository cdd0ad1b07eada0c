import { createHash } from 'node:crypto'
import { LuaResults, type LuaScript, LuaTable, readLua, regexOf } from './lua.js'

/** A stream's entry: its number (ids are `<number>-0`), fields and values. */
interface Entry {
  readonly seq: number
  readonly fields: readonly string[]
}

type Value = string | Map<string, string> | Entry[]

interface Stored {
  value: Value
  /** By the clock of Redis; Infinity for never. */
  expiresAt: number
}

/** What Redis answers; null for nothing. */
export type Reply = string | number | null | readonly Reply[]

/** Everything that it holds, at a moment. */
export type Dump = ReadonlyMap<string, Stored>

/** An answer of Redis that is an error. */
export class ReplyError extends Error {}

export interface SimulatedRedisOptions {
  /** Unix milliseconds. */
  readonly now: () => number
  /** Hears of each message before anybody else does. */
  readonly onPublished: (channel: string, message: string) => void
  /** Sends a message to whoever listens. */
  readonly deliver: (channel: string, message: string) => void
}

/** Streams lose whole nodes of so many entries, as `MAXLEN ~` has it; real ones are larger. */
const NODE_ENTRIES = 8

/** A Redis of one process: the commands of the bus on data in memory, and the bus's own script, run by the text of publish.lua. */
export class SimulatedRedis {
  readonly #options: SimulatedRedisOptions
  readonly #scripts = new Map<string, LuaScript>()
  #data = new Map<string, Stored>()
  #micros = 0

  constructor(options: SimulatedRedisOptions) {
    this.#options = options
  }

  /** Runs a command whole; nothing else happens meanwhile. @throws ReplyError */
  run(command: string, args: readonly string[]): Reply {
    const [key = '', ...rest] = args
    switch (command) {
      case 'time': {
        // No two are alike: so much happens within a microsecond nowhere.
        this.#micros = (this.#micros + 1) % 1_000
        const now = this.#options.now()
        return [String(Math.floor(now / 1_000)), String(Math.floor(now % 1_000) * 1_000 + this.#micros)]
      }
      case 'eval':
      case 'evalsha':
        return this.#eval(command, key, rest)
      case 'publish':
        this.#options.onPublished(key, rest[0]!)
        this.#options.deliver(key, rest[0]!)
        return 1
      case 'set': {
        const [value, , ttl, condition] = rest
        if (condition === 'NX' && this.#get(key)) return null
        this.#data.set(key, { value: value!, expiresAt: this.#options.now() + Number(ttl) })
        return 'OK'
      }
      case 'mget':
        return args.map((one) => (this.#get(one)?.value as string | undefined) ?? null)
      case 'del':
        return args.filter((one) => this.#data.delete(one)).length
      case 'exists':
        return args.filter((one) => this.#get(one)).length
      case 'pexpire': {
        const stored = this.#get(key)
        if (stored) stored.expiresAt = this.#options.now() + Number(rest[0])
        return stored ? 1 : 0
      }
      case 'hget':
        return this.#hash(key)?.get(rest[0]!) ?? null
      case 'hmget':
        return rest.map((field) => this.#hash(key)?.get(field) ?? null)
      case 'hgetall':
        return [...(this.#hash(key) ?? [])].flat()
      case 'hlen':
        return this.#hash(key)?.size ?? 0
      case 'hset': {
        const hash = this.#hash(key) ?? new Map<string, string>()
        if (!this.#data.has(key)) this.#data.set(key, { value: hash, expiresAt: Number.POSITIVE_INFINITY })
        for (let at = 0; at + 1 < rest.length; at += 2) hash.set(rest[at]!, rest[at + 1]!)
        return rest.length / 2
      }
      case 'hdel': {
        const hash = this.#hash(key)
        const count = rest.filter((field) => hash?.delete(field)).length
        if (hash?.size === 0) this.#data.delete(key)
        return count
      }
      case 'xadd':
        return this.#append(key, rest)
      case 'xrange':
        return this.#range(key, Number.parseInt(rest[0]!, 10), rest[2] === 'COUNT' ? Number(rest[3]) : Number.POSITIVE_INFINITY)
      case 'xrevrange': {
        const entries = this.#stream(key) ?? []
        return entries.slice(-Number(rest[3])).reverse().map(replyOf)
      }
      default:
        throw new ReplyError(`ERR unknown command '${command}'`)
    }
  }

  /** Names of what it holds. */
  get keys(): string[] {
    return [...this.#data.keys()]
  }

  dump(): Dump {
    return new Map(
      [...this.#data].map(([key, { value, expiresAt }]) => {
        const copy = typeof value === 'string' ? value : Array.isArray(value) ? [...value] : new Map(value)
        return [key, { value: copy, expiresAt }]
      }),
    )
  }

  /** Holds what it held then, which nobody uses again. */
  restore(dump: Dump): void {
    this.#data = new Map(dump)
  }

  /** As one does that starts. */
  forgetScripts(): void {
    this.#scripts.clear()
  }

  lose(key: string): void {
    this.#data.delete(key)
  }

  #get(key: string): Stored | null {
    const stored = this.#data.get(key)
    if (!stored) return null
    if (stored.expiresAt > this.#options.now()) return stored
    this.#data.delete(key)
    return null
  }

  #hash(key: string): Map<string, string> | null {
    return (this.#get(key)?.value as Map<string, string> | undefined) ?? null
  }

  #stream(key: string): Entry[] | null {
    return (this.#get(key)?.value as Entry[] | undefined) ?? null
  }

  #append(key: string, [, , limit, id, ...fields]: readonly string[]): Reply {
    const entries = this.#stream(key) ?? []
    if (entries.length === 0) this.#data.set(key, { value: entries, expiresAt: Number.POSITIVE_INFINITY })
    const seq = Number.parseInt(id!, 10)
    const last = entries.at(-1)
    if (last && last.seq >= seq) throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
    entries.push({ seq, fields })
    while (entries.length >= Number(limit) + NODE_ENTRIES) entries.splice(0, NODE_ENTRIES)
    return id!
  }

  #range(key: string, from: number, count: number): Reply {
    const entries = this.#stream(key) ?? []
    const first = entries.findIndex(({ seq }) => seq >= from)
    return first < 0 ? [] : entries.slice(first, first + count).map(replyOf)
  }

  #eval(command: 'eval' | 'evalsha', text: string, [count, ...rest]: readonly string[]): Reply {
    const sha = command === 'eval' ? createHash('sha1').update(text).digest('hex') : text
    if (command === 'eval') this.#scripts.set(sha, scriptOf(text, sha))
    const script = this.#scripts.get(sha)
    if (!script) throw new ReplyError('NOSCRIPT No matching script. Please use EVAL.')
    const result = script({
      ...LIBRARY,
      KEYS: new LuaTable(rest.slice(0, Number(count))),
      ARGV: new LuaTable(rest.slice(Number(count))),
      redis: tableOf({
        call: (name: string, ...args: unknown[]) => toLua(this.run(name.toLowerCase(), args.map(String))),
        error_reply: (message: string) => tableOf({ err: message }),
        sha1hex: (value: string) => createHash('sha1').update(value).digest('hex'),
      }),
    })
    return fromLua(result)
  }
}

/** Read once for all simulations. */
const READ = new Map<string, LuaScript>()

function scriptOf(text: string, sha: string): LuaScript {
  const known = READ.get(sha) ?? readLua(text)
  READ.set(sha, known)
  return known
}

function replyOf({ seq, fields }: Entry): Reply {
  return [`${seq}-0`, fields]
}

function tableOf(named: Readonly<Record<string, unknown>>): LuaTable {
  const table = new LuaTable()
  for (const [key, value] of Object.entries(named)) table.set(key, value)
  return table
}

/** Nothing is `false` there. */
function toLua(reply: Reply): unknown {
  if (reply === null) return false
  return typeof reply === 'object' ? new LuaTable(reply.map(toLua)) : reply
}

function fromLua(value: unknown): Reply {
  if (value instanceof LuaTable) {
    const error = value.get('err')
    if (typeof error === 'string') throw new ReplyError(error)
    return value.list.slice(1).map(fromLua)
  }
  return typeof value === 'number' ? Math.floor(value) : typeof value === 'string' ? value : null
}

const LIBRARY = {
  tonumber: (value: unknown) => {
    const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value)
    return Number.isNaN(number) || typeof value === 'boolean' ? undefined : number
  },
  ipairs: (table: LuaTable) => {
    const end = table.list.indexOf(undefined, 1)
    return table.list.slice(1, end < 0 ? undefined : end).map((value, index) => [index + 1, value])
  },
  pairs: (table: LuaTable) =>
    [...table.list.entries()].filter(([, value]) => value !== undefined).concat([...table.named] as [number, unknown][]),
  math: tableOf({ floor: Math.floor }),
  table: tableOf({ concat: (table: LuaTable, by = '') => table.list.slice(1).join(by) }),
  string: tableOf({
    find: (text: string, pattern: string) => {
      const found = regexOf(pattern).exec(text)
      return found ? found.index + 1 : undefined
    },
    match: (text: string, pattern: string) => {
      const found = regexOf(pattern).exec(text)
      return found ? new LuaResults(found.length > 1 ? found.slice(1) : [found[0]]) : undefined
    },
    sub: (text: string, from: number, to = -1) => text.slice(from < 0 ? from : from - 1, to < 0 ? text.length + to + 1 : to),
    format: (form: string, number: unknown) => form.replace('%.0f', () => String(Math.round(Number(number)))),
  }),
}
