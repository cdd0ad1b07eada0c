import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'dist/main.js')
const LIFELINE = new URL('./lifeline.mjs', import.meta.url).href

/** The built program on a free port of loopback, with an embedded database of its own. */
export class Program {
  /** Single-use sign-in links that it printed, by name. */
  readonly links: ReadonlyMap<string, string>
  readonly origin: string
  readonly #end: () => Promise<void>

  private constructor(links: ReadonlyMap<string, string>, end: () => Promise<void>) {
    this.links = links
    this.origin = new URL(links.get('Ana')!).origin
    this.#end = end
  }

  /** @throws Error with what it said when it ended before it was open. */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Program> {
    // Does nothing when no source is newer than the build.
    await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
    const dir = await mkdtemp(join(tmpdir(), 'tallyroom-browser-'))
    const child = spawn(process.execPath, ['--import', LIFELINE, MAIN, 'start'], {
      env: { ...process.env, PORT: '0', DATA_DIR: join(dir, 'data'), DATABASE_URL: '', REDIS_URL: '', ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const exited = once(child, 'exit')
    const said: string[] = []
    const links = new Map<string, string>()
    const open = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', (line) => {
          said.push(line)
          const link = /^ +(\w+) +(http\S+#signin=\S+)$/.exec(line)
          if (link !== null) links.set(link[1]!, link[2]!)
          if (links.size === 2) resolve()
        })
      }
    })
    const end = async () => {
      child.stdin.end()
      await exited
      await rm(dir, { recursive: true, force: true })
    }
    await Promise.race([open, exited])
    if (links.size < 2) {
      await end()
      throw new Error(`the program ended before it was open:\n${said.join('\n')}`)
    }
    return new Program(links, end)
  }

  /** Ends it in order and removes its data. */
  stop(): Promise<void> {
    return this.#end()
  }
}
