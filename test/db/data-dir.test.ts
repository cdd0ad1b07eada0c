import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { lockDataDir } from '../../src/db/data-dir.js'
import { UsageError } from '../../src/errors.js'

const HOLDER = fileURLToPath(new URL('./lock-holder.ts', import.meta.url))

/** Another process that can hold the lock. */
class Holder {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(dataDir: string) {
    const child = spawn(process.execPath, ['--import', 'tsx', HOLDER, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.process = child
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  }

  async line(): Promise<string> {
    return (await this.#lines.next()).value
  }

  /** Goes on to the next step. */
  step(): void {
    this.process.stdin?.write('\n')
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const exited = once(this.process, 'exit')
    this.process.kill(signal)
    await exited
  }
}

describe('the lock of the data folder', () => {
  let parent: string
  let dataDir: string
  let holders: Holder[]

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'tallyroom-lock-'))
    dataDir = join(parent, 'data')
    holders = []
  })
  afterEach(async () => {
    await Promise.all(holders.map((holder) => holder.end('SIGKILL')))
    rmSync(parent, { recursive: true })
  })

  async function startHolder(): Promise<Holder> {
    const holder = new Holder(dataDir)
    holders.push(holder)
    expect(await holder.line()).toBe('ready')
    return holder
  }

  const files = () => readdirSync(dataDir)

  test('makes the folder, which only its owner may enter, and is gone when released', () => {
    const lock = lockDataDir(dataDir)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(files()).toEqual(['lock'])
    lock.release()
    expect(files()).toEqual([])
    lockDataDir(dataDir).release()
  })

  test('works in a folder below one of mode 700, and on a path of 120 characters', () => {
    const below = join(parent, 'private')
    mkdirSync(below)
    chmodSync(below, 0o700)
    lockDataDir(join(below, 'data')).release()
    const long = join(parent, 'x'.repeat(120 - parent.length - 1))
    expect(long).toHaveLength(120)
    lockDataDir(long).release()
  })

  test("refuses a second process in one sentence with the first one's pid and what to do", async () => {
    const holder = await startHolder()
    holder.step()
    expect(await holder.line()).toBe('held')

    const second = () => lockDataDir(dataDir)
    expect(second).toThrow(UsageError)
    expect(second).toThrow(
      `${dataDir} is in use by another tallyroom (pid ${holder.process.pid}): stop it first, or set DATA_DIR to another folder`,
    )
    expect(() => lockDataDir(dataDir, 'wait')).toThrow(`(pid ${holder.process.pid}): wait`)
    expect(files()).toEqual(['lock'])

    holder.step()
    await once(holder.process, 'exit')
    expect(files()).toEqual([])
  })

  test('goes with a process that ends in order without releasing it', async () => {
    const holder = await startHolder()
    holder.step()
    await holder.line()
    holder.process.stdin?.end()
    await once(holder.process, 'exit')
    expect(files()).toEqual([])
  })

  test('of a process that was killed is taken over', async () => {
    const holder = await startHolder()
    holder.step()
    await holder.line()
    await holder.end('SIGKILL')
    expect(files()).toEqual(['lock'])

    const lock = lockDataDir(dataDir)
    expect(JSON.parse(readFileSync(join(dataDir, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid })
    lock.release()
    expect(files()).toEqual([])
  })

  test('of a dead process whose pid a stranger has now is taken over', () => {
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'lock'), JSON.stringify({ pid: process.ppid, startedAt: '1' }))
    lockDataDir(dataDir).release()
  })

  test('that is torn, and the trace of a process that died while it took over, stop nobody', () => {
    mkdirSync(join(dataDir, 'lock.taking'), { recursive: true })
    writeFileSync(join(dataDir, 'lock'), '{"pid":')
    // Old enough that nobody can be at it still.
    const old = new Date(Date.now() - 60_000)
    utimesSync(join(dataDir, 'lock.taking'), old, old)
    lockDataDir(dataDir).release()
    expect(files()).toEqual([])
  })

  test('of a dead process is taken over by one of many that want it at once', async () => {
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' }))
    const all = await Promise.all(Array.from({ length: 5 }, startHolder))

    for (const holder of all) holder.step()
    const words = await Promise.all(all.map((holder) => holder.line()))

    expect(words.filter((word) => word === 'held')).toHaveLength(1)
    const winner = all[words.indexOf('held')]!
    for (const word of words) if (word !== 'held') expect(word).toContain(`in use by another tallyroom (pid ${winner.process.pid})`)
    expect(files()).toEqual(['lock'])
  })

  test('says in one sentence that the folder cannot be written', () => {
    writeFileSync(dataDir, 'a file, no folder')
    expect(() => lockDataDir(dataDir)).toThrow(UsageError)
    expect(() => lockDataDir(dataDir)).toThrow(`the data folder ${dataDir} cannot be written: `)
    expect(existsSync(join(parent, 'lock'))).toBe(false)
  })
})
