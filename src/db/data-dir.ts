import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../errors.js'

export interface DataDirLock {
  release(): void
}

/** Nobody needs so long to remove a dead lock. */
const TAKING_MS = 5_000

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
      removeDead(path)
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
  // Written aside and linked, so that nobody ever reads half a lock and takes its writer for dead.
  const draft = `${path}.${process.pid}`
  try {
    writeFileSync(draft, JSON.stringify({ pid: process.pid, startedAt: startTimeOf(process.pid) }), { mode: 0o600 })
    linkSync(draft, path)
    return null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readHolder(path)
}

function readHolder(path: string): Holder {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    // Gone: its holder has just ended. Or no lock of ours.
    return { pid: 0, startedAt: '' }
  }
}

/**
 * Removes the lock if its holder is dead. Of several processes that find it so one does, and looks again first: the lock may be a
 * new one by now.
 */
function removeDead(path: string): void {
  const door = `${path}.taking`
  try {
    mkdirSync(door)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Somebody is inside, for less than a millisecond; unless it died there.
    if (Date.now() - (statSync(door, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > TAKING_MS)
      rmSync(door, { recursive: true, force: true })
    return
  }
  try {
    if (!isAlive(readHolder(path))) rmSync(path, { force: true })
  } finally {
    rmSync(door, { recursive: true, force: true })
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
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie is dead: in a container without an init nobody may ever collect it.
    return fields[0] === 'Z' ? '' : (fields[19] ?? '')
  } catch {
    return ''
  }
}
