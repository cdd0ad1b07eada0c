import { parseArgs } from 'node:util'
import { loadConfig } from '../config.js'
import { openDatabase } from '../db/client.js'
import { migrate } from '../db/migrate.js'
import { UsageError } from '../errors.js'

export const USAGE = `usage: tallyroom migrate
Applies the migrations that the database at DATABASE_URL lacks, each in a transaction of
its own. The embedded database needs no such command.`

/** Applies the migrations that the database at DATABASE_URL lacks. */
export async function run(args: readonly string[]): Promise<number> {
  parseArgs({ args: [...args], options: {} })
  const config = loadConfig(process.env, 'tool')
  if (config.DATABASE_URL === undefined)
    throw new UsageError('DATABASE_URL must be set: the embedded database is brought up to date at every start')
  const { db, close } = await openDatabase({ address: { url: config.DATABASE_URL }, poolSize: 1, applicationName: 'tallyroom migrate' })
  try {
    const applied = await migrate(db)
    console.log(applied.length === 0 ? 'the database is up to date' : applied.map((name) => `applied ${name}`).join('\n'))
    return 0
  } finally {
    await close()
  }
}
