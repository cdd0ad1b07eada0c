import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MAIN = join(ROOT, 'dist/main.js')
const LIFELINE = new URL('./lifeline.mjs', import.meta.url).href

/** The built program on a free port of loopback, with an embedded database of its own. */
export class Program {
  readonly #dir: string
  #environment: Readonly<Record<string, string>>
  #child: ChildProcessByStdio<Writable, Readable, Readable>
  #exited: Promise<unknown>
  #said: string[] = []
  readonly #waiting = new Set<() => void>()
  #origin = ''

  private constructor(dir: string, environment: Readonly<Record<string, string>>) {
    this.#dir = dir
    this.#environment = { PORT: '0', ADMIN_PORT: '0', ...environment }
    this.#child = this.#spawn()
    this.#exited = once(this.#child, 'exit')
  }

  #spawn(): ChildProcessByStdio<Writable, Readable, Readable> {
    const child = spawn(process.execPath, ['--import', LIFELINE, MAIN, 'start'], {
      env: { ...process.env, DATA_DIR: join(this.#dir, 'data'), DATABASE_URL: '', REDIS_URL: '', ...this.#environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.#said.push(line)
        for (const look of this.#waiting) look()
      })
    }
    return child
  }

  /** Kills it: no word to anybody. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Starts it again after its end, with what it had stored, at the same address. */
  async startAgain(): Promise<void> {
    this.#said = []
    this.#environment = { ...this.#environment, PORT: new URL(this.#origin).port }
    this.#child = this.#spawn()
    this.#exited = once(this.#child, 'exit')
    await this.until(/ is open at (\S+)/)
  }

  /** Answers when its address is open. @throws Error with what it said when it ended before. */
  static async start(environment: Readonly<Record<string, string>> = {}): Promise<Program> {
    // Does nothing when no source is newer than the build.
    await promisify(execFile)(process.execPath, [join(ROOT, 'scripts/build.mjs')])
    const program = new Program(await mkdtemp(join(tmpdir(), 'tallyroom-browser-')), environment)
    try {
      program.#origin = await program.until(/ is open at (\S+)/)
      return program
    } catch (error) {
      await program.stop()
      throw error
    }
  }

  get origin(): string {
    return this.#origin
  }

  /** The sign-in link that it printed for Ana or Ben when it started; good for one use. */
  printedLink(name: 'Ana' | 'Ben'): Promise<string> {
    return this.until(new RegExp(`^ +${name} +(\\S+)$`))
  }

  /** A fresh sign-in link, as `tallyroom link` makes it. */
  async link(name: string): Promise<string> {
    const env = { ...process.env, DATA_DIR: join(this.#dir, 'data') }
    return (await promisify(execFile)(process.execPath, [MAIN, 'link', '--name', name], { env })).stdout.trim()
  }

  /** The first group of the first line that it says, or has said, like `pattern`. @throws Error when it ends without. */
  async until(pattern: RegExp): Promise<string> {
    let stop = () => {}
    const found = new Promise<string>((resolve) => {
      const look = () => {
        const match = this.#said.map((line) => pattern.exec(line)).find((exec) => exec !== null)
        if (match) resolve(match[1] ?? match[0])
      }
      this.#waiting.add(look)
      stop = () => this.#waiting.delete(look)
      look()
    })
    const ended = this.#exited.then(() => {
      throw new Error(`the program ended before it said ${pattern}:\n${this.#said.join('\n')}`)
    })
    return Promise.race([found, ended]).finally(stop)
  }

  /** Holds the process still, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Ends it in order and removes its data. */
  async stop(): Promise<void> {
    this.#child.stdin.end()
    await this.#exited
    await rm(this.#dir, { recursive: true, force: true })
  }
}
