import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOnServer, type TestDatabase } from '../db/test-databases.js'
import { describeDatabase } from './schema-catalog.js'
import { describeSchema } from './schema-model.js'
import { ROOT } from './sources.js'

describe('prisma/schema.prisma and prisma/migrations', () => {
  const schema = readFileSync(join(ROOT, 'prisma/schema.prisma'), 'utf8')
  let database: TestDatabase
  let migrated: string[]

  beforeAll(async () => {
    database = await createOnServer()
    migrated = await describeDatabase(database.db)
  })
  afterAll(() => database.close())

  /** Lines of one side that the other lacks. */
  async function drift(changed: string): Promise<{ schema: string[]; migrations: string[] }> {
    const demanded = await describeSchema(changed)
    return {
      schema: demanded.filter((line) => !migrated.includes(line)),
      migrations: migrated.filter((line) => !demanded.includes(line)),
    }
  }

  test('describe the same database', async () => {
    expect(migrated.length).toBeGreaterThan(100)
    expect(await drift(schema)).toEqual({ schema: [], migrations: [] })
  })

  test('are seen to differ in whatever a schema can say: the check fires', async () => {
    // What is replaced, by what; the line that the schema has more, and the migrations.
    const planted: readonly (readonly [string, string, string | null, string | null])[] = [
      ['name      String\n', 'name      String\n  nickname String?\n', 'column users.nickname text', null],
      ['  memo         String?\n', '', null, 'column records.memo text'],
      [
        '@db.Decimal(6, 5)',
        '@db.Decimal(7, 5)',
        'column matches.confidence numeric(7,5) not null',
        'column matches.confidence numeric(6,5) not null',
      ],
      [
        '@default("{}")',
        '@default("[]")',
        `column projects.settings jsonb not null default '[]'::jsonb`,
        `column projects.settings jsonb not null default '{}'::jsonb`,
      ],
      ['currency    String?', 'currency  String', 'column projects.currency text not null', 'column projects.currency text'],
      ['  @@index([userId], map: "members_user")\n', '', null, 'index members_user of members (user_id)'],
      [
        '@@id([projectId, userId])',
        '@@id([userId, projectId])',
        'primary key members_pkey of members (user_id, project_id)',
        'primary key members_pkey of members (project_id, user_id)',
      ],
      [
        'sort: Desc',
        'sort: Asc',
        'index matches_by_confidence of matches (project_id, status, confidence, id)',
        'index matches_by_confidence of matches (project_id, status, confidence desc, id)',
      ],
      [
        '@@unique([sourceId, rowNo]',
        '@@index([sourceId, rowNo]',
        'index records_source_row of records (source_id, row_no)',
        'unique index records_source_row of records (source_id, row_no)',
      ],
      [
        '[id], onDelete: Cascade',
        '[id], onDelete: Restrict',
        'foreign key credentials (user_id) to users (id) on delete Restrict on update Cascade',
        'foreign key credentials (user_id) to users (id) on delete Cascade on update Cascade',
      ],
    ]
    for (const [from] of planted) expect(schema).toContain(from)
    const lines = (side: 2 | 3) => planted.flatMap((change) => change[side] ?? []).sort()
    expect(await drift(planted.reduce((changed, [from, to]) => changed.replace(from, to), schema))).toEqual({
      schema: lines(2),
      migrations: lines(3),
    })
  })
})
