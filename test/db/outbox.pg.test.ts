import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  appendOutbox,
  findPendingProjects,
  markOutboxPublished,
  readOutboxEpoch,
  readPendingOutbox,
  sweepOutbox,
} from '../../src/db/outbox.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe.each(DATABASES)('the outbox on $name', ({ create }) => {
  let database: TestDatabase
  let project: ProjectId

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    project = await newProject()
  })

  async function newProject(): Promise<ProjectId> {
    const id = newId<ProjectId>()
    await database.db.project.create({ data: { id, name: 'Outbox' } })
    return id
  }

  /** A transaction that writes a fact and books its news. */
  function write(...names: string[]): Promise<void> {
    return database.db.$transaction((tx) =>
      appendOutbox(
        tx,
        project,
        names.map((name) => ({ type: 'fact', actor: null, data: { name } })),
      ),
    )
  }

  async function pending(limit = 100): Promise<[bigint, string][]> {
    const rows = await readPendingOutbox(database.db, project, limit)
    return rows.map((row) => [row.no, JSON.parse(row.body).data.name as string])
  }

  test('[B4] numbers news without holes in the order of commits, each project for itself', async () => {
    await write('a', 'b')
    await write('c')
    project = await newProject()
    await write('other')

    expect(await pending()).toEqual([[1n, 'other']])
    expect(await database.db.outbox.count({ where: { projectId: project } })).toBe(1)
  })

  test('[B4] a transaction that is given up leaves neither news nor a hole', async () => {
    await write('a')
    const failed = database.db.$transaction(async (tx) => {
      await appendOutbox(tx, project, [{ type: 'fact', actor: null, data: { name: 'lost' } }])
      throw new Error('given up')
    })
    await expect(failed).rejects.toThrow('given up')
    await write('b')
    expect(await pending()).toEqual([
      [1n, 'a'],
      [2n, 'b'],
    ])
  })

  test('[B4] many writers at once get each a number of their own', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, index) => write(`${index}`, `${index}'`)))
    const rows = await pending()
    expect(rows.map(([no]) => no)).toEqual(Array.from({ length: 40 }, (_, index) => BigInt(index + 1)))
    // What one transaction wrote stays together.
    for (let index = 0; index < rows.length; index += 2) expect(rows[index + 1]![1]).toBe(`${rows[index]![1]}'`)
  })

  test('keeps body, actor, event id and the latest value that ends with it as they were written', async () => {
    const data = { text: 'Ünïcødé "quoted"', amount: '0.30', list: [1, null] }
    await database.db.$transaction((tx) =>
      appendOutbox(tx, project, [
        { type: 'job.completed', actor: 'ana', data, clears: { key: 'job/1', version: 7 } },
        { type: 'match.decided', actor: null, data: {} },
      ]),
    )
    const [first, second] = await readPendingOutbox(database.db, project, 10)
    expect(first).toMatchObject({
      type: 'job.completed',
      clearsKey: 'job/1',
      clearsVersion: 7,
      body: JSON.stringify({ actor: 'ana', data }),
    })
    expect(second).toMatchObject({ type: 'match.decided', clearsKey: null, clearsVersion: null, body: '{"actor":null,"data":{}}' })
    expect(first!.eventId).not.toBe(second!.eventId)
  })

  test('hands out what is unpublished in order, and no more than asked for; published is published', async () => {
    await write('a', 'b', 'c', 'd')
    expect(await pending(3)).toEqual([
      [1n, 'a'],
      [2n, 'b'],
      [3n, 'c'],
    ])
    await markOutboxPublished(database.db, project, 2n, 'one')
    expect(await pending()).toEqual([
      [3n, 'c'],
      [4n, 'd'],
    ])
    expect(await findPendingProjects(database.db, 100)).toContain(project)
    expect(await readOutboxEpoch(database.db, project)).toBe('one')
    await markOutboxPublished(database.db, project, 4n, 'other')
    expect(await pending()).toEqual([])
    expect(await findPendingProjects(database.db, 100)).not.toContain(project)
    expect(await readOutboxEpoch(database.db, project)).toBe('other')
  })

  test('keeps what is published for a day, and what is not for ever', async () => {
    await write('old', 'recent', 'pending')
    await markOutboxPublished(database.db, project, 2n, 'one')
    const age = (no: number, hours: number) => database.db.$executeRaw`
      update outbox set created_at = created_at - make_interval(hours => ${hours}::int), published_at = published_at - make_interval(hours => ${hours}::int)
      where project_id = ${project}::uuid and no = ${no}`
    await age(1, 25)
    await age(2, 23)
    await age(3, 1000)

    await sweepOutbox(database.db)

    const kept = await database.db.outbox.findMany({ where: { projectId: project }, orderBy: { no: 'asc' } })
    expect(kept.map((row) => row.no)).toEqual([2n, 3n])
  })

  test('has no place for news of a project that is gone', async () => {
    await database.db.project.delete({ where: { id: project } })
    await expect(write('late')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await write()
  })
})
