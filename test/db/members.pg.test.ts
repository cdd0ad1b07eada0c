import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { hasRole, higherRole, listMembers, putMember, readRoster, removeMember, roleOfUser } from '../../src/db/members.js'
import { ensureUser } from '../../src/db/users.js'
import { newId, type ProjectId, type UserId } from '../../src/ids.js'
import { ROLES, type Role } from '../../src/protocol/views.js'
import { ANA, Review } from './review-fixture.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe('roles', () => {
  test('each may what those before it may', () => {
    for (const [index, role] of ROLES.entries()) expect(ROLES.filter((needed) => hasRole(role, needed))).toEqual(ROLES.slice(0, index + 1))
  })

  test('the higher of two counts, and any counts more than none', () => {
    expect(higherRole('viewer', 'approver')).toBe('approver')
    expect(higherRole('admin', 'analyst')).toBe('admin')
    expect(higherRole(null, 'viewer')).toBe('viewer')
    expect(higherRole('viewer', null)).toBe('viewer')
    expect(higherRole(null, null)).toBe(null)
  })
})

describe.each(DATABASES)('members on $name', ({ create }) => {
  let database: TestDatabase
  let review: Review

  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())
  beforeEach(async () => {
    review = await Review.open(database.db)
  })

  function put(user: string, role: Role, name: string | null = null) {
    return putMember(database.db, review.project, { user: user as UserId, name, role }, ANA)
  }

  test('a person gets a role, also one whom nobody knows yet, and the project is told', async () => {
    const member = await put('cleo', 'analyst', 'Cleo')
    expect(member).toMatchObject({ project: review.project, user: { id: 'cleo', name: 'Cleo' }, role: 'analyst' })
    expect(await review.news()).toEqual([{ type: 'member.changed', actor: 'ana', data: { member } }])
    expect(await roleOfUser(database.db, review.project, 'cleo')).toBe('analyst')
  })

  test('all of a project are read at once, up to a limit; what does not exist has none', async () => {
    await put('cleo', 'admin')
    await put('ben', 'viewer')
    const roster = await readRoster(database.db, review.project, 10)
    expect(roster).toEqual(
      new Map([
        ['cleo', 'admin'],
        ['ben', 'viewer'],
      ]),
    )
    expect(await readRoster(database.db, review.project, 2)).toEqual(roster)
    expect(await readRoster(database.db, review.project, 1)).toBe('too-many')
    await removeMember(database.db, review.project, 'ben' as UserId, ANA)
    await removeMember(database.db, review.project, 'cleo' as UserId, ANA)
    expect(await readRoster(database.db, review.project, 10)).toEqual(new Map())
    expect(await readRoster(database.db, newId<ProjectId>(), 10)).toBeNull()
  })

  test('the same role again tells nobody', async () => {
    const member = await put('cleo', 'analyst')
    expect(await put('cleo', 'analyst')).toEqual(member)
    expect(await review.news()).toHaveLength(1)
  })

  test('the version of a member grows with every change, from a removal to a return too', async () => {
    const user = 'cleo' as UserId
    const versions = [
      (await put(user, 'viewer')).version,
      (await put(user, 'admin')).version,
      (await removeMember(database.db, review.project, user, ANA)).version,
      (await put(user, 'viewer')).version,
    ]
    expect(versions).toEqual([...new Set(versions)].sort((one, other) => one - other))
    const told = (await review.news()).map((item) => item.data.member as unknown as { version: number; role: Role | null })
    expect(told.map((member) => member.version)).toEqual(versions)
    expect(told.map((member) => member.role)).toEqual(['viewer', 'admin', null, 'viewer'])
  })

  test('many changes at once of different people each get told', async () => {
    await Promise.all(Array.from({ length: 8 }, (_, index) => put(`p${index}`, 'viewer')))
    expect(await listMembers(database.db, review.project, { limit: 100 })).toHaveLength(8)
    expect(await review.news()).toHaveLength(8)
  })

  test('who is no member cannot be removed', async () => {
    await expect(removeMember(database.db, review.project, 'nobody' as UserId, ANA)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await review.news()).toEqual([])
  })

  test('a project that is gone has no members', async () => {
    await database.db.project.delete({ where: { id: review.project } })
    await expect(put('cleo', 'viewer')).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })

  test('are listed by user id in pages', async () => {
    for (const user of ['d', 'b', 'a', 'c']) await put(user, 'viewer')
    const page = async (after: string | null) =>
      (await listMembers(database.db, review.project, { limit: 3, after })).map(({ user }) => user.id)
    expect(await page(null)).toEqual(['a', 'b', 'c'])
    expect(await page('c')).toEqual(['d'])
  })

  test("only a person's own credential gives a new name", async () => {
    await put('cleo', 'viewer')
    await ensureUser(database.db, { id: 'cleo', name: 'Cleo' })
    await put('cleo', 'admin', 'Somebody')
    // A credential without a name says its id.
    await ensureUser(database.db, { id: 'cleo', name: 'cleo' })
    const [member] = await listMembers(database.db, review.project, { limit: 1 })
    expect(member?.user).toEqual({ id: 'cleo', name: 'Cleo' })
  })
})
