import { chownSync, cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { findProgram } from '../../test/support/debian-packages.js'
import { serviceUser } from '../../test/support/guarded-process.js'
import { Service } from './service.js'

/** Until a signal has reached a process. */
const SIGNAL_MS = 20

/** A Redis that has on disk whatever it has acknowledged. */
export class ChaosRedis {
  readonly service: Service
  readonly #program: string

  private constructor(service: Service, program: string) {
    this.service = service
    this.#program = program
  }

  static async open(): Promise<ChaosRedis> {
    const program = await findProgram({ names: ['redis-server', 'valkey-server'], package: 'redis-server', path: 'usr/bin/redis-server' })
    const redis = new ChaosRedis(await Service.make('redis'), program)
    await redis.start()
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.service.port}`
  }

  async start(): Promise<void> {
    const { dir, port } = this.service
    const settings = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'always', '--auto-aof-rewrite-percentage', '0']
    const command = [this.#program, '--bind', '127.0.0.1', '--port', String(port), ...settings, '--dir', dir]
    await this.service.start({ command, answer: async () => void (await this.run((redis) => redis.ping())) })
  }

  /** Copies what is stored at this moment. */
  async save(): Promise<void> {
    this.service.signal('SIGSTOP')
    await passed(SIGNAL_MS)
    rmSync(this.#saved, { recursive: true, force: true })
    cpSync(this.#stored, this.#saved, { recursive: true })
    this.service.signal('SIGCONT')
  }

  /** Nothing saved before can be gone back to. */
  forget(): void {
    rmSync(this.#saved, { recursive: true, force: true })
  }

  get hasSaved(): boolean {
    return existsSync(this.#saved)
  }

  /** To be called while it does not run: it starts with what was saved last. */
  rewind(): void {
    this.empty()
    cpSync(this.#saved, this.#stored, { recursive: true })
    const user = serviceUser()
    const paths = [this.#stored, ...readdirSync(this.#stored).map((name) => join(this.#stored, name))]
    if (user) for (const path of paths) chownSync(path, user.uid, user.gid)
  }

  /** To be called while it does not run: it starts with nothing. */
  empty(): void {
    rmSync(this.#stored, { recursive: true, force: true })
  }

  /** Runs commands over a connection of its own, past any proxy. */
  async run<Answer>(work: (redis: Redis) => Promise<Answer>): Promise<Answer> {
    const redis = new Redis(this.service.port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 })
    redis.on('error', () => undefined)
    try {
      await redis.connect()
      return await work(redis)
    } finally {
      redis.disconnect()
    }
  }

  get #stored(): string {
    return join(this.service.dir, 'appendonlydir')
  }

  get #saved(): string {
    return join(this.service.dir, 'saved')
  }
}
