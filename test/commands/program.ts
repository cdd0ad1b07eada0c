import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const LIFELINE = new URL('../browser/lifeline.mjs', import.meta.url).href

export interface Ended {
  /** Exit code, or the signal that ended it. */
  readonly code: number | NodeJS.Signals
  readonly stdout: string
  readonly stderr: string
}

/** The built program in a process of its own, which ends with the tests whatever ends them. */
export class Program {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #ended: Promise<Ended>
  readonly #looks = new Set<() => void>()
  #stdout = ''
  #stderr = ''

  /** Without databases and settings of whoever runs the tests. */
  constructor(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(process.execPath, ['--import', LIFELINE, MAIN, ...args], {
      env: { ...process.env, DATABASE_URL: '', REDIS_URL: '', AUTH_JWT_SECRET: '', LOG_LEVEL: '', ADMIN_PORT: '0', ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    // A process that was killed no longer reads.
    this.#child.stdin.on('error', () => undefined)
    const hear = (stream: Readable, keep: (text: string) => void) =>
      stream.setEncoding('utf8').on('data', (text: string) => {
        keep(text)
        for (const look of this.#looks) look()
      })
    hear(this.#child.stdout, (text) => {
      this.#stdout += text
    })
    hear(this.#child.stderr, (text) => {
      this.#stderr += text
    })
    this.#ended = once(this.#child, 'close').then(([code, signal]) => ({
      code: code ?? signal,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }))
  }

  /** Answers when the error output matches. @throws Error with what it said when it ended before. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    const found = new Promise<RegExpExecArray>((resolve) => {
      const look = () => {
        const match = pattern.exec(this.#stderr)
        if (match === null) return
        this.#looks.delete(look)
        resolve(match)
      }
      this.#looks.add(look)
      look()
    })
    const match = await Promise.race([found, this.#ended.then(() => null)])
    if (match === null) throw new Error(`the program ended without saying ${pattern}:\n${this.#stderr}`)
    return match
  }

  /** Its output so far. */
  get printed(): string {
    return this.#stdout
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  ended(): Promise<Ended> {
    return this.#ended
  }
}

/** Runs a command to its end. */
export function runProgram(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Program(args, environment).ended()
}
