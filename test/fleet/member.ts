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
  /** Answers its exit code. */
  stop(): Promise<number | null>
}

/** Starts it and waits until it says that it is open. @throws Error with what it said when it ended before. */
export async function startMember(environment: Readonly<Record<string, string>>): Promise<FleetMember> {
  const child = spawn(process.execPath, ['--import', LIFELINE, MAIN, 'start'], {
    env: { ...process.env, PORT: '0', ADMIN_PORT: '0', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  const said: string[] = []
  const open = new Promise<string | null>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said.push(line)
        if (line.startsWith('working on jobs')) resolve(null)
        const address = /^Tallyroom is open at (\S+)/.exec(line)?.[1]
        if (address !== undefined) resolve(address)
      })
    }
  })
  const origin = await Promise.race([open, exited.then(() => undefined)])
  if (origin === undefined) throw new Error(`the process ended before it was open:\n${said.join('\n')}`)
  return {
    origin,
    async stop() {
      child.stdin.end()
      const [code] = await exited
      return code
    },
  }
}
