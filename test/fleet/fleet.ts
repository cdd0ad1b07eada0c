import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freePort } from '../support/guarded-process.js'
import { TcpProxy } from '../support/proxy.js'
import { type FleetMember, startMember } from './member.js'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export interface FleetOptions {
  /** A database of its own; it is migrated. */
  readonly databaseUrl: string
  readonly redisUrl: string
  /** Processes that serve; default 2. */
  readonly serve?: number
  /** Processes that work on jobs; default 1. */
  readonly work?: number
  /** Of the proxy; default 0: a free one. */
  readonly port?: number
  /** Added to the environment of each. */
  readonly environment?: Readonly<Record<string, string>>
  /** Hears what each says. */
  readonly onLine?: (name: string, line: string) => void
  /** A process ended that nobody told to. */
  readonly onEnded?: (name: string, how: number | NodeJS.Signals) => void
}

/** Several processes of the built program over one Postgres and one Redis, and a proxy that gives them connections in turn. */
export class Fleet {
  /** Where people go: the proxy. */
  readonly address: string
  readonly secret: string
  readonly proxy: TcpProxy
  /** By name: `serve 1`, `serve 2`, `work 1`. */
  readonly members: ReadonlyMap<string, FleetMember>
  #isStopping = false

  private constructor(parts: Pick<Fleet, 'address' | 'secret' | 'proxy' | 'members'>, onEnded: FleetOptions['onEnded']) {
    this.address = parts.address
    this.secret = parts.secret
    this.proxy = parts.proxy
    this.members = parts.members
    for (const [name, member] of this.members) {
      void member.ended.then((how) => {
        if (!this.#isStopping) onEnded?.(name, how)
      })
    }
  }

  /** @throws Error with what the process said that could not start; the others end with this process. */
  static async start(options: FleetOptions): Promise<Fleet> {
    const { databaseUrl, redisUrl, serve = 2, work = 1, port = 0, environment = {}, onLine, onEnded } = options
    const secret = randomBytes(32).toString('hex')
    const shared = { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, AUTH_JWT_SECRET: secret, ...environment }
    await promisify(execFile)(process.execPath, [MAIN, 'migrate'], { env: { ...process.env, ...shared } })
    const ports = await Promise.all(Array.from({ length: serve }, freePort))
    const proxy = await TcpProxy.openAt(port, ...ports.map((own) => `http://127.0.0.1:${own}`))
    const address = `http://localhost:${proxy.port}`
    const start = async (name: string, own: Readonly<Record<string, string>>): Promise<[string, FleetMember]> => [
      name,
      await startMember({ ...shared, ...own }, (line) => onLine?.(name, line)),
    ]
    try {
      const members = await Promise.all([
        ...ports.map((own, index) => start(`serve ${index + 1}`, { ROLE: 'serve', PORT: String(own), PUBLIC_URL: address })),
        ...Array.from({ length: work }, (_, index) => start(`work ${index + 1}`, { ROLE: 'work' })),
      ])
      return new Fleet({ address, secret, proxy, members: new Map(members) }, onEnded)
    } catch (error) {
      await proxy.pullOut()
      throw error
    }
  }

  /** Ends all at once, as Ctrl-C does. */
  async stop(): Promise<void> {
    this.#isStopping = true
    await this.proxy.pullOut()
    for (const member of this.members.values()) member.kill('SIGINT')
    await Promise.all([...this.members.values()].map((member) => member.stop()))
  }
}
