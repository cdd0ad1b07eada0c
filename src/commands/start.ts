import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type App, startApp } from '../app.js'
import { type Config, loadConfig } from '../config.js'
import { createLog } from '../log.js'
import type { JobView } from '../protocol/views.js'
import { ANA, BEN, createDemo, needsDemo } from './demo.js'
import { ADDRESS_FILE, signInLink } from './link.js'
import { count, ProgressBar } from './progress-bar.js'

/** Ends at once when it takes longer than this to end in order. */
const STOP_WITHIN_MS = 1_800

export const USAGE = `usage: tallyroom start
Serves the dashboard, HTTP and live sessions and works on jobs, on http://localhost:8080
and with an embedded database in .tallyroom/ unless told otherwise. Ctrl-C ends it.
Settings are environment variables: docs/configuration.md lists them.`

/** What ROLE says: everything by default. */
export function run(args: readonly string[]): Promise<number> {
  return runServer(args, process.env)
}

/**
 * Starts, says where it is, runs until a signal. SIGTERM lets live sessions go elsewhere first (D10); SIGINT, or a second SIGTERM, ends at
 * once. @throws UsageError, AppError when it cannot start, TypeError for any argument.
 */
export async function runServer(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<number> {
  parseArgs({ args: [...args], options: {} })
  const config = loadConfig(environment, 'server')
  const signals = new Signals()
  const asked = signals.next()
  const screen = new Screen()
  const app = await Promise.race([startApp(config, createLog(config.LOG_LEVEL), (job) => screen.job(job)), asked]).catch((error) => {
    // A connection that was lost meanwhile may hang: nothing would start a process again that does not end.
    setTimeout(() => process.exit(), STOP_WITHIN_MS).unref()
    throw error
  })
  // Asked to end before anything runs: there is nothing to end in order, and locks go with the process.
  if (typeof app === 'string') process.exit(0)
  try {
    const signal = await Promise.race([asked, open(app, config, screen).then(() => asked)])
    if (signal === 'SIGTERM') await Promise.race([app.drain(), signals.next()])
  } finally {
    screen.end()
    // Whatever hangs: Ctrl-C means now. The embedded database survives being cut off, as it survives a crash.
    setTimeout(() => process.exit(0), STOP_WITHIN_MS).unref()
    void signals.next().then(() => process.exit(0))
    await app.stop()
  }
  return 0
}

/** Tells people where to go; makes the sample where it belongs. */
async function open(app: App, config: Config, screen: Screen): Promise<void> {
  await greet(app, config)
  if (!(await needsDemo(app.db, app.isEmbedded, config.DEMO))) return
  screen.follow((await createDemo(app.db, config.DATA_DIR, say)).id)
  app.wakeJobs()
}

async function greet({ address, liveUrl, adminAddress, secret, isEmbedded }: App, config: Config): Promise<void> {
  if (address === null) return say(`working on jobs · readiness at ${adminAddress}/readyz · Ctrl-C ends`)
  if (isEmbedded) writeFileSync(join(config.DATA_DIR, ADDRESS_FILE), address)
  say(`Tallyroom is open at ${address} · Ctrl-C ends`)
  if (liveUrl !== null) say(`live sessions at ${liveUrl} (uWebSockets.js)`)
  if (!isEmbedded || config.ADMIN_PORT === 0) say(`readiness at ${adminAddress}/readyz`)
  if (!isEmbedded) return
  say('two people, open both side by side:')
  for (const user of [ANA, BEN]) say(`  ${user.name.padEnd(3)}  ${await signInLink(secret, address, user)}`)
}

function say(line: string): void {
  console.log(line)
}

/** The sample's job on the terminal; other jobs pass unseen. */
class Screen {
  readonly #bar = new ProgressBar(process.stdout)
  #job: string | null = null

  follow(job: string): void {
    this.#job = job
  }

  job(job: JobView): void {
    if (job.id !== this.#job) return
    this.#bar.show(job)
    if (job.state === 'running') return
    this.end()
    say(
      job.state === 'completed'
        ? `the sample is reconciled: ${count(job.matched)} matched, ${count(job.suggested)} suggested to you, ${count(job.breaks)} breaks`
        : `the sample's job ${job.state}: ${job.error?.message ?? ''}`,
    )
  }

  end(): void {
    if (this.#job !== null) this.#bar.end()
    this.#job = null
  }
}

type StopSignal = 'SIGINT' | 'SIGTERM'

/** The signals that ask to stop, one after another. */
class Signals {
  #next = withResolver<StopSignal>()

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        const { resolve } = this.#next
        this.#next = withResolver()
        resolve(signal)
      })
    }
  }

  /** Resolves with the next one that comes. */
  next(): Promise<StopSignal> {
    return this.#next.promise
  }
}

function withResolver<Value>(): { readonly promise: Promise<Value>; readonly resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => {}
  const promise = new Promise<Value>((found) => {
    resolve = found
  })
  return { promise, resolve }
}
