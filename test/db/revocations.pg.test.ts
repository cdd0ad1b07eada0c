import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deleteSession, redeemCode } from '../../src/db/credentials.js'
import { putMember, removeMember } from '../../src/db/members.js'
import { createProject, deleteProject } from '../../src/db/projects.js'
import { readRevocations, sweepRevocations } from '../../src/db/revocations.js'
import { newId, type ProjectId, type UserId } from '../../src/ids.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe.each(DATABASES)('revocations on $name', ({ create }) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())

  const ana = { id: 'ana', name: 'Ana' }

  test('[C9] tell of every role that changed, every sign-out and every project deleted, since the last reading and a little before', async () => {
    const { db } = database
    const { until } = await readRevocations(db, null)
    const { id } = await createProject(db, { name: 'Room', currency: null, settings: {} }, ana)
    const project = id as ProjectId
    const ben = 'ben' as UserId
    await putMember(db, project, { user: ben, name: null, role: 'viewer' }, ana)
    await putMember(db, project, { user: ben, name: null, role: 'viewer' }, ana)
    await removeMember(db, project, ben, ana)
    const now = Date.now()
    const { credential } = await redeemCode(db, { id: newId(), user: ana, expiresAt: now + 1_000 }, now)
    await deleteSession(db, credential)
    await expect(deleteProject(db, project, 'Another name')).rejects.toMatchObject({ code: 'INVALID' })
    await deleteProject(db, project, 'Room')
    const reading = await readRevocations(db, until)
    const named = reading.revocations.map(({ id: _, ...revocation }) => revocation)
    expect(named).toHaveLength(4)
    expect(named).toEqual(
      expect.arrayContaining([
        { kind: 'member', project, user: 'ben' },
        { kind: 'credential', credential },
        { kind: 'project', project },
      ]),
    )
    expect(reading.until.getTime()).toBeGreaterThan(until.getTime())
    // Readings overlap by a minute, for a transaction may take as long.
    const age = (seconds: number) => db.$executeRaw`update revocations set created_at = now() - make_interval(secs => ${seconds}::int)`
    await age(50)
    expect((await readRevocations(db, reading.until)).revocations).toHaveLength(4)
    await age(80)
    expect((await readRevocations(db, reading.until)).revocations).toHaveLength(0)
    await age(23 * 3_600)
    await sweepRevocations(db)
    expect(await db.revocation.count()).toBe(4)
    await age(25 * 3_600)
    await sweepRevocations(db)
    expect(await db.revocation.count()).toBe(0)
  })
})
