import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRole } from '../../src/db/members.js'
import { newId } from '../../src/ids.js'
import { ROLES, type Role } from '../../src/protocol/views.js'
import { Review } from '../db/review-fixture.js'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture } from './http-fixture.js'
import { OPERATIONS, type Operation, OTHER_ROUTES, type PathThing, thingOf } from './operations.js'

/** A project of which everything that could be shown carries its mark. */
interface World {
  readonly project: string
  readonly mark: string
  readonly things: Readonly<Record<PathThing, string>>
  /** All ids of the project. */
  readonly ids: readonly string[]
}

const HTTP_DIR = fileURLToPath(new URL('../../src/http/', import.meta.url))

describe('nothing of a project gets to who has no role in it', () => {
  let database: TestDatabase
  let http: HttpFixture
  let worlds: readonly World[]

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db)
    worlds = [await makeWorld(), await makeWorld(), await makeWorld()]
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  async function makeWorld(): Promise<World> {
    const { db } = database
    const review = await Review.open(db)
    const { project } = review
    const mark = `mark-${newId().slice(-12)}`
    await db.project.update({ where: { id: project }, data: { name: mark, settings: { mark } } })
    await db.source.updateMany({ where: { projectId: project }, data: { name: mark } })
    const left = await review.record('left', { externalId: mark, memo: mark, reference: mark })
    const right = await review.record('right', { externalId: mark })
    const open = await review.record('left', { externalId: mark, memo: mark })
    await db.recordPayload.updateMany({ where: { recordId: { in: [left, right, open] } }, data: { payload: { mark } } })
    const match = await review.match(left, right)
    await db.match.update({ where: { id: match }, data: { rule: mark } })
    await review.break(open, 'left')
    await db.break.updateMany({
      where: { projectId: project },
      data: { nearestMiss: { record: right, externalId: mark, text: mark, amountDifference: null, daysApart: null } },
    })
    const source = review.sources.left
    await db.sourceProblem.create({ data: { sourceId: source, rowNo: 9, no: 0, level: 'rejected', message: mark, cells: [['id', mark]] } })
    const job = newId()
    await db.job.create({
      data: { id: job, projectId: project, kind: 'match', state: 'failed', error: { code: 'INTERNAL', message: mark } },
    })
    await db.user.create({ data: { id: mark, name: mark } })
    await db.member.create({ data: { projectId: project, userId: mark, role: 'viewer' } })
    const [broken] = await db.break.findMany({ where: { projectId: project } })
    return {
      project,
      mark,
      things: { source, record: left, job, match, break: broken!.id, user: mark },
      ids: [project, ...Object.values(review.sources), left, right, open, match, job, broken!.id],
    }
  }

  async function call({ route, query = '', body }: Operation, token: string, project: string, thing: string) {
    const [method = '', path = ''] = route.split(' ')
    const filled = path.replace(':project', project).replace(/:(source|record|job|match|break|user)/, encodeURIComponent(thing))
    const sent = JSON.stringify(body)?.replaceAll(/:(match|record)/g, thing)
    const isFile = typeof body === 'string'
    return http.call(method, filled + query, {
      token,
      ...(body === undefined ? {} : isFile ? { raw: body } : { raw: sent, headers: { 'content-type': 'application/json' } }),
    })
  }

  /** No word and no id of the worlds in the text, but what the asker named. */
  function expectSilent(text: string, hidden: readonly World[], named: readonly string[]): void {
    for (const { mark, ids } of hidden) {
      for (const secret of [mark, ...ids]) if (!named.includes(secret)) expect(text).not.toContain(secret)
    }
  }

  test('the table of operations is complete', () => {
    const routes = readdirSync(HTTP_DIR).flatMap((file) => {
      const source = readFileSync(HTTP_DIR + file, 'utf8')
      return [...source.matchAll(/\bapp\s*\.(get|post|put|patch|delete)\(\s*'([^']+)'/g)].map(
        ([, method, path]) => `${method!.toUpperCase()} ${path}`,
      )
    })
    expect([...OPERATIONS.map((operation) => operation.route), ...OTHER_ROUTES].toSorted()).toEqual(routes.toSorted())
  })

  test('whatever is asked by whomever, with whose ids', async () => {
    const role = fc.constantFrom<Role | null>(null, ...ROLES)
    const question = fc.record({
      roles: fc.tuple(role, role, role),
      way: fc.constantFrom('token', 'membership'),
      operation: fc.constantFrom(...OPERATIONS),
      asked: fc.nat({ max: 2 }),
      named: fc.nat({ max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(question, async ({ roles, way, operation, asked, named }) => {
        const user = `user-${newId()}`
        const grants = roles.flatMap((granted, no) => (granted === null ? [] : [[worlds[no]!.project, granted] as const]))
        if (way === 'membership') {
          for (const [projectId, granted] of grants) {
            await database.db.user.upsert({ where: { id: user }, create: { id: user, name: user }, update: {} })
            await database.db.member.create({ data: { projectId, userId: user, role: granted } })
          }
        }
        const token = await http.token(user, way === 'token' ? { projects: Object.fromEntries(grants) } : {})
        const { project } = worlds[asked]!
        const own = roles[asked] ?? null
        const kind = thingOf(operation)
        const thing = kind === null ? '' : worlds[named]!.things[kind]
        const isAllowed = own !== null && hasRole(own, operation.needs)
        // What would change the worlds for the questions after it is asked only where it must be refused.
        if (isAllowed && operation.writes && (kind === null || kind === 'user' || asked === named)) return

        const answer = await call(operation, token, project, thing)

        expectSilent(
          answer.text,
          worlds.filter((_, no) => roles[no] === null),
          [project, thing],
        )
        if (!isAllowed) expectProblem(answer, 403, 'FORBIDDEN')
        else if (kind !== null && asked !== named && kind !== 'user') expectProblem(answer, 404, 'NOT_FOUND')
        else expect(answer.status).toBe(200)
        // And to who may see it only this project is shown.
        if (isAllowed)
          expectSilent(
            answer.text,
            worlds.filter((_, no) => no !== asked),
            [thing],
          )

        for (const path of ['/v1/me', '/v1/projects?limit=500']) {
          const list = await http.call('GET', path, { token })
          expectSilent(
            list.text,
            worlds.filter((_, no) => roles[no] === null),
            [],
          )
          for (const [no, world] of worlds.entries()) if (roles[no] !== null) expect(list.text).toContain(world.mark)
        }
        await database.db.member.deleteMany({ where: { userId: user } })
      }),
      { numRuns: 100 },
    )
  })

  test('a refusal is the same whether the project exists or not', async () => {
    const token = await http.token('stranger')
    for (const operation of OPERATIONS) {
      const [there, nowhere] = await Promise.all(
        [worlds[0]!.project, newId()].map((project) => call(operation, token, project, worlds[0]!.things.match)),
      )
      expectProblem(there!, 403, 'FORBIDDEN')
      expect({ ...there!.body, requestId: '' }, operation.route).toEqual({ ...nowhere!.body, requestId: '' })
    }
  })

  test('without a credential there is no answer but 401', async () => {
    for (const operation of OPERATIONS) {
      const [method = '', path = ''] = operation.route.split(' ')
      expectProblem(await http.call(method, path.replace(':project', worlds[0]!.project) + (operation.query ?? '')), 401, 'UNAUTHENTICATED')
    }
  })
})
