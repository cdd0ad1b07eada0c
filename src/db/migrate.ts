import { createHash, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { AppError, UsageError } from '../errors.js'
import type { Db, Tx } from './client.js'

const MIGRATIONS_DIR = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url))
/** Prisma's own advisory lock: two migrators, ours or theirs, never run at once. */
const MIGRATION_LOCK = 72_707_369

interface Migration {
  readonly name: string
  readonly sql: string
  /** SHA-256 of the file, hex, as Prisma computes it. */
  readonly checksum: string
}

/**
 * Applies what is missing of `prisma/migrations`, each in a transaction of its own, and books it in `_prisma_migrations` as Prisma's
 * `migrate deploy` does, so that either tool goes on where the other stopped. (The CLI's engine is a download; this is not.)
 * @returns the names applied now.
 * @throws AppError `CONFLICT` when a migration was changed after it was applied, or the database knows one that is not here.
 */
export async function migrate(db: Db, directory: string = MIGRATIONS_DIR): Promise<string[]> {
  const migrations = await readMigrations(directory)
  await db.$transaction(async (tx) => {
    await lock(tx)
    // Under the lock: `if not exists` alone fails when two look at once.
    await tx.$executeRawUnsafe(BOOK)
  })
  const applied: string[] = []
  for (const migration of migrations) {
    const isNew = await db.$transaction(async (tx) => {
      await lock(tx)
      return applyOnce(tx, migration)
    })
    if (isNew) applied.push(migration.name)
  }
  await refuseUnknown(db, migrations)
  return applied
}

/**
 * Proves that the database is as new as this program, without changing it: processes of a fleet never migrate.
 * @throws UsageError that names the command which does.
 */
export async function requireMigrated(db: Db, directory: string = MIGRATIONS_DIR): Promise<void> {
  const [book] = await db.$queryRaw<{ exists: boolean }[]>`select to_regclass('_prisma_migrations') is not null as exists`
  const rows = book?.exists
    ? await db.$queryRaw<{ name: string }[]>`
        select migration_name as name from "_prisma_migrations" where finished_at is not null and rolled_back_at is null`
    : []
  const applied = new Set(rows.map((row) => row.name))
  const missing = (await readMigrations(directory)).find((migration) => !applied.has(migration.name))
  if (missing) throw new UsageError(`the database lacks migration ${missing.name}: run \`tallyroom migrate\` first`)
}

async function lock(tx: Tx): Promise<void> {
  await tx.$queryRaw`select 1 from pg_advisory_xact_lock(${MIGRATION_LOCK})`
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(`${directory}/${name}/migration.sql`, 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    }),
  )
}

async function applyOnce(tx: Tx, { name, sql, checksum }: Migration): Promise<boolean> {
  const [booked] = await tx.$queryRaw<{ checksum: string }[]>`
    select checksum from "_prisma_migrations" where migration_name = ${name} and finished_at is not null and rolled_back_at is null`
  if (booked && booked.checksum !== checksum) {
    throw new AppError('CONFLICT', { message: `migration ${name} was changed after it was applied to this database` })
  }
  if (booked) return false
  for (const statement of statementsOf(sql)) await tx.$executeRawUnsafe(statement)
  await tx.$executeRaw`
    insert into "_prisma_migrations" (id, checksum, migration_name, finished_at, started_at, applied_steps_count)
    values (${randomUUID()}, ${checksum}, ${name}, now(), now(), 1)`
  return true
}

async function refuseUnknown(db: Db, known: readonly Migration[]): Promise<void> {
  const names = known.map((migration) => migration.name)
  const [newer] = await db.$queryRaw<{ migration_name: string }[]>`
    select migration_name from "_prisma_migrations" where rolled_back_at is null and not (migration_name = any(${names}::text[])) limit 1`
  if (newer) throw new AppError('CONFLICT', { message: `the database was migrated by a newer version (${newer.migration_name})` })
}

/**
 * The statements of a migration. Prepared statements carry one command each, so the file is cut at each `;` that ends a line; a
 * migration with a function body keeps its inner semicolons off the ends of lines.
 */
function statementsOf(sql: string): string[] {
  const withoutComments = sql.replace(/^\s*--.*$/gm, '')
  return withoutComments
    .split(/;[ \t]*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}

const BOOK = `create table if not exists "_prisma_migrations" (
  id varchar(36) primary key not null,
  checksum varchar(64) not null,
  finished_at timestamptz,
  migration_name varchar(255) not null,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz not null default now(),
  applied_steps_count integer not null default 0
)`
