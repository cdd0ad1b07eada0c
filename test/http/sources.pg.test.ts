import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import type { SourceView } from '../../src/protocol/views.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, type Page } from './http-fixture.js'
import { FILE, UploadRoom } from './upload-room.js'

describe('sources', () => {
  let database: TestDatabase
  let room: UploadRoom

  beforeAll(async () => {
    database = await DATABASES[0].create()
    room = await UploadRoom.open(database.db)
  })
  afterAll(async () => {
    await room.close()
    await database.close()
  })
  beforeEach(() => room.newProject())
  // Whatever a test uploaded, refused or broke off: nothing half-done is left.
  afterEach(() => room.expectNothingHalfDone())

  describe('rejected rows', () => {
    test('can be downloaded as they stood, with the reasons in front', async () => {
      const { source } = (
        await room.upload(
          'zeta,date,amount,a memo\n1,2024-01-31,1.50,x\n2,31.01.2024,abc,"=1+1, ""y"""\n3,2024-01-31,1.50,a,b\n4,2024-01-31,,no amount\n',
          {
            mapping: '{"date":{"column":"date","format":"iso"},"amount":{"column":"amount"}}',
          },
        )
      ).body
      expect(source.rows).toEqual({ accepted: 1, warning: 1, rejected: 2 })
      const answer = await room.get(`sources/${source.id}/rejected`)
      expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
      expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="rejected-${source.id}.csv"`)
      expect(answer.text.split('\r\n')).toEqual([
        'row,reason,zeta,date,amount,a memo,column 5',
        '2,"date: ""31.01.2024"" is not a date of the form iso; amount: ""abc"" is not an amount",2,31.01.2024,abc,"\'=1+1, ""y"""',
        '3,"the row has 5 cells, the file has 4 columns",3,2024-01-31,1.50,a,b',
        '',
      ])
    })

    test('are none where all was accepted', async () => {
      const { source } = (await room.upload(FILE)).body
      expect((await room.get(`sources/${source.id}/rejected`)).text).toBe('row,reason\r\n')
    })

    test('come one after another however many there are', async () => {
      const { source } = (
        await room.upload(`id,amount\n0,1.50\n${Array.from({ length: 1_200 }, (_, no) => `${no + 1},x`).join('\n')}\n`, {
          mapping: '{"amount":{"column":"amount"}}',
        })
      ).body
      const lines = (await room.get(`sources/${source.id}/rejected`)).text.trimEnd().split('\r\n')
      expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(Array.from({ length: 1_200 }, (_, no) => String(no + 2)))
    })

    test('hold a cell that was cut in the middle of a character', async () => {
      const { source } = (await room.upload(`id,amount,memo\n1,1.50,x\n2,1.50,${'x'.repeat(32_766)}😀y\n`)).body
      expect(source.rows).toEqual({ accepted: 1, warning: 0, rejected: 1 })
      expect((await room.get(`sources/${source.id}/rejected`)).text).toContain(`${'x'.repeat(32_766)}\r\n`)
    })
  })

  describe('the list', () => {
    test('comes in pages in order of import', async () => {
      for (const name of ['a.csv', 'b.csv', 'c.csv']) await room.upload(FILE, { name, again: 'true' })
      const first = (await room.get<Page<SourceView>>('sources?limit=2')).body
      await room.upload(FILE, { name: 'd.csv', again: 'true' })
      const second = (await room.get<Page<SourceView>>(`sources?limit=2&cursor=${first.nextCursor}`)).body
      expect([...first.items, ...second.items].map((source) => source.name)).toEqual(['a.csv', 'b.csv', 'c.csv', 'd.csv'])
      expect(second.nextCursor).toBeNull()
      expect((await room.get('sources?limit=500')).status).toBe(200)
      expect((await room.get('sources?limit=501')).status).toBe(422)
    })
  })

  describe('removing one', () => {
    const remove = (source: string, as = room.token) =>
      room.http.call('DELETE', `/v1/projects/${room.project}/sources/${source}`, { token: as })

    test('takes its records along and tells the project', async () => {
      const { source } = (await room.upload(FILE)).body
      expectProblem(await remove(source.id, await room.http.member(room.project, 'vic', 'viewer')), 403, 'FORBIDDEN')
      const removed = await remove(source.id)
      expect(removed.status).toBe(204)
      expect(await room.countAll()).toMatchObject({ sources: 0, records: 0 })
      const news = await room.db.outbox.findFirstOrThrow({ where: { projectId: room.project, type: 'source.removed' } })
      expect(JSON.parse(news.body)).toMatchObject({
        actor: 'ana',
        data: { source: { ...source, version: 3 } },
        trace: removed.headers.get('x-request-id'),
      })
      expectProblem(await remove(source.id), 404, 'NOT_FOUND')
      expect((await room.upload(FILE)).status).toBe(201)
    })

    test('what is not there, or belongs to another project, is not found', async () => {
      const { source } = (await room.upload(FILE)).body
      room.project = await room.http.project('ana')
      for (const id of [source.id, newId(), 'nonsense']) {
        expectProblem(await remove(id), 404, 'NOT_FOUND')
        expectProblem(await room.get(`sources/${id}`), 404, 'NOT_FOUND')
        expectProblem(await room.get(`sources/${id}/rejected`), 404, 'NOT_FOUND')
      }
    })

    test('not while a job runs over it, nor when people have decided on its records', async () => {
      const left = (await room.upload(FILE)).body.source
      const right = (await room.upload(FILE, { side: 'right' })).body.source
      const job = await room.db.job.create({ data: { id: newId(), projectId: room.project, kind: 'match', state: 'running' } })
      expectProblem(await remove(left.id), 409, 'CONFLICT')
      await room.db.job.update({ where: { id: job.id }, data: { state: 'completed' } })
      const [leftId, rightId] = await Promise.all(
        [left, right].map(async (source) => (await room.db.record.findFirstOrThrow({ where: { sourceId: source.id } })).id),
      )
      await room.db.match.create({
        data: {
          id: newId(),
          projectId: room.project,
          rule: 'r',
          cardinality: '1:1',
          leftId: leftId!,
          rightId: rightId!,
          confidence: '1',
          explanation: {},
          status: 'rejected',
          automatic: false,
          decidedById: 'ana',
        },
      })
      expectProblem(await remove(right.id), 409, 'CONFLICT')
      expect((await room.get<Page<SourceView>>('sources')).body.items).toHaveLength(2)
    })
  })
})
