import { existsSync, lstatSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lockDataDir } from '../db/data-dir.js'
import { type OpenedDatabase, openOwnDatabase } from '../db/open.js'
import { UsageError } from '../errors.js'

/** A database for one run of a command, in the system's folder for temporary files. */
export interface PrivateDatabase extends OpenedDatabase {
  /** `keep`: a later run with the same key may go on in it. */
  close(what?: 'keep'): Promise<void>
}

/** Exists once the database was opened: before that nothing in the folder is worth keeping, or even whole. */
const OPENED_FILE = 'opened'
const BUSY = 'wait for that run of the same command, or stop it'

/**
 * Opens the database of `key`, fresh or as a run before left it.
 * @throws UsageError when another process has it, or its folder cannot be made or belongs to somebody else.
 */
export async function openPrivateDatabase(key: string, start: 'fresh' | 'resume'): Promise<PrivateDatabase> {
  const folder = join(tmpdir(), `tallyroom-reconcile-${process.getuid?.() ?? 0}-${key}`)
  const lock = lockDataDir(folder, BUSY)
  try {
    refuseForeign(folder)
    if (start === 'fresh' || !existsSync(join(folder, OPENED_FILE))) {
      for (const name of [OPENED_FILE, 'db']) rmSync(join(folder, name), { recursive: true, force: true })
    }
  } finally {
    lock.release()
  }
  const database = await openOwnDatabase(folder, BUSY)
  writeFileSync(join(folder, OPENED_FILE), '')
  return {
    ...database,
    async close(what) {
      await database.close()
      if (what !== 'keep') rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The name can be foreseen, and everybody may make folders there. */
function refuseForeign(folder: string): void {
  const found = lstatSync(folder)
  // No getuid on Windows, where the folder lies in the user's own profile.
  const isOurs = process.getuid === undefined || found.uid === process.getuid()
  if (!found.isDirectory() || !isOurs) throw new UsageError(`${folder} belongs to another user`)
}
