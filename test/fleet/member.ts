import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const LIFELINE = new URL('../browser/lifeline.mjs', import.meta.url).href

/** One process of a fleet: the built program, ended in order, or with this process whatever ends it. */
export interface FleetMember {
  /** `http://localhost:PORT`; null for a worker. */
  readonly origin: string | null
  readonly pid: number
  /** Where its admin port is, `http://127.0.0.1:PORT`, once it has said so. */
  readonly adminAddress: Promise<string>
  /** Its exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>
  /** Answers its exit code, or null when it was killed. */
  stop(): Promise<number | null>
  kill(signal: NodeJS.Signals): void
}

/**
 * Starts it and waits until it says that it is open; `onLine` hears what it says. @throws Error with what it said when it ended before.
 */
export async function startMember(
  environment: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => undefined,
): Promise<FleetMember> {
  const child = spawn(process.execPath, ['--import', LIFELINE, MAIN, 'start'], {
    env: { ...process.env, PORT: '0', ADMIN_PORT: '0', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = (once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>).then(([code, signal]) => code ?? signal!)
  const said: string[] = []
  let tellAdmin: (address: string) => void = () => undefined
  const adminAddress = new Promise<string>((resolve) => {
    tellAdmin = resolve
  })
  const open = new Promise<string | null>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line)
        onLine(line)
        const admin = /readiness at (\S+)\/readyz/.exec(line)?.[1]
        if (admin !== undefined) tellAdmin(admin)
        if (line.startsWith('working on jobs')) resolve(null)
        const address = /^Tallyroom is open at (\S+)/.exec(line)?.[1]
        if (address !== undefined) resolve(address)
      })
    }
  })
  const origin = await Promise.race([open, ended.then(() => undefined)])
  if (origin === undefined) throw new Error(`the process ended before it was open:\n${said.join('\n')}`)
  return {
    origin,
    pid: child.pid!,
    adminAddress,
    ended,
    async stop() {
      child.stdin.end()
      const end = await ended
      return typeof end === 'number' ? end : null
    },
    kill: (signal) => void child.kill(signal),
  }
}
