import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.js'

export interface DataDirLock {
  release(): void
}

/**
 * Takes the data folder for this process; makes it (mode 700) when it is missing. The lock of a process that is dead is taken over.
 * @throws UsageError in one sentence: another process has it (with its pid and `advice`), or the folder cannot be written.
 */
export function lockDataDir(dataDir: string, advice = 'stop it first, or set DATA_DIR to another folder'): DataDirLock {
  const path = join(dataDir, 'lock')
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    for (;;) {
      const holder = tryLock(path)
      if (holder === null) {
        const release = () => rmSync(path, { force: true })
        // However the process ends in order, its lock goes with it; kill -9 is for the next one to notice.
        process.once('exit', release)
        return {
          release() {
            process.off('exit', release)
            release()
          },
        }
      }
      if (isAlive(holder)) throw new UsageError(`${dataDir} is in use by another tallyroom (pid ${holder.pid}): ${advice}`)
      rmSync(path, { force: true })
    }
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`the data folder ${dataDir} cannot be written: ${(error as Error).message}`)
  }
}

interface Holder {
  readonly pid: number
  /** When that process started, in the system's own clock; tells a living holder from a stranger with a used-again pid. */
  readonly startedAt: string
}

/** Writes the lock; answers null, or who has it. */
function tryLock(path: string): Holder | null {
  try {
    const file = openSync(path, 'wx', 0o600)
    writeSync(file, JSON.stringify({ pid: process.pid, startedAt: startTimeOf(process.pid) }))
    closeSync(file)
    return null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    // Empty: its writer died between two calls. Or gone: its holder has just ended.
    return { pid: 0, startedAt: '' }
  }
}

function isAlive({ pid, startedAt }: Holder): boolean {
  if (pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return startTimeOf(pid) === startedAt
}

/** Field 22 of /proc/<pid>/stat (clock ticks since boot); "" where there is no /proc. */
function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in field 2 may hold spaces and brackets; what follows its last bracket is field 3.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
