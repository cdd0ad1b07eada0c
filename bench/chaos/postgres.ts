import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { serviceUser } from '../../test/support/guarded-process.js'
import { findBinaries } from '../../test/support/postgres.js'
import { Service } from './service.js'

/** What it has written is the kernel's, which nobody kills here, so nothing is forced to disk: what is committed survives all the same. */
const SETTINGS = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'max_connections=100', 'log_min_messages=fatal']

/** A Postgres that keeps what it has committed when it is killed. */
export class ChaosPostgres {
  readonly service: Service
  readonly #bin: string

  private constructor(service: Service, bin: string) {
    this.service = service
    this.#bin = bin
  }

  static async open(): Promise<ChaosPostgres> {
    const service = await Service.make('postgres')
    const postgres = new ChaosPostgres(service, await findBinaries(service.dir))
    const options = ['-D', postgres.#data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync']
    const env = { ...process.env, TZ: 'UTC' }
    await promisify(execFile)(join(postgres.#bin, 'initdb'), options, { ...serviceUser(), cwd: service.dir, env })
    await postgres.start()
    return postgres
  }

  get url(): string {
    return `postgres://postgres@127.0.0.1:${this.service.port}/postgres`
  }

  async start(): Promise<void> {
    const settings = SETTINGS.flatMap((setting) => ['-c', setting])
    const command = [join(this.#bin, 'postgres'), '-D', this.#data, '-p', String(this.service.port), ...settings]
    await this.service.start({ command, answer: async () => void (await this.query('select 1')) })
  }

  /** Over a connection of its own. */
  async query<Row extends object>(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    const client = new pg.Client({ connectionString: this.url })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return (await client.query<Row>(text, [...values])).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  get #data(): string {
    return join(this.service.dir, 'data')
  }
}
