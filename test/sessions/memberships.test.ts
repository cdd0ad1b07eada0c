import { describe, expect, test } from 'vitest'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Role } from '../../src/protocol/views.js'
import type { Principal } from '../../src/sessions/auth.js'
import { Memberships, type Roster } from '../../src/sessions/memberships.js'
import { FakeClock } from './fake-clock.js'

const principal = (id: string, grants: Partial<Principal> = {}): Principal => ({
  user: { id, name: id },
  admin: false,
  projects: {},
  publish: [],
  expiresAt: Number.MAX_SAFE_INTEGER,
  credential: null,
  ...grants,
})

interface Answers {
  /** What is stored of single people. Default: everybody is a viewer. */
  readonly membership?: (user: string) => Promise<Role | null>
  /** Default: Ana is an analyst, Ben a viewer. */
  readonly roster?: () => Promise<Roster>
}

/** Memberships whose questions are counted. */
function open({
  membership = async () => 'viewer',
  roster = async () =>
    new Map<string, Role>([
      ['ana', 'analyst'],
      ['ben', 'viewer'],
    ]),
}: Answers = {}) {
  const clock = new FakeClock()
  const asked: string[] = []
  const memberships = new Memberships({
    clock,
    membership: ({ user }) => {
      asked.push(user.id)
      return membership(user.id)
    },
    roster: () => {
      asked.push('roster')
      return roster()
    },
  })
  return { clock, memberships, asked, project: newId<ProjectId>() }
}

describe('roles', () => {
  test('are asked for one by one while nobody hears the project', async () => {
    const { memberships, asked, project } = open()
    for (let count = 0; count < 2; count++) expect(await memberships.role(principal('ana'), project)).toBe('viewer')
    expect(asked).toEqual(['ana', 'ana'])
  })

  test('[J8] of any number of people are one question while the project is heard', async () => {
    const { memberships, asked, project } = open()
    memberships.hear(project)
    const roles = await Promise.all(['ana', 'ben', 'cleo'].map((id) => memberships.role(principal(id), project)))
    expect(roles).toEqual(['analyst', 'viewer', null])
    expect(await memberships.role(principal('ana'), project)).toBe('analyst')
    expect(asked).toEqual(['roster'])
  })

  test('[J1] are the higher of what is stored and what the credential grants', async () => {
    const { memberships, project } = open()
    memberships.hear(project)
    const role = (id: string, grants: Partial<Principal>) => memberships.role(principal(id, grants), project)
    expect(await role('ana', { projects: { [project]: 'viewer' } })).toBe('analyst')
    expect(await role('ben', { projects: { '*': 'approver' } })).toBe('approver')
    expect(await role('cleo', { projects: { [project]: 'viewer' } })).toBe('viewer')
    expect(await role('dan', { admin: true })).toBe('admin')
  })

  test('[J1] nobody has one in a project that does not exist, whatever the credential says', async () => {
    const { memberships, project } = open({ roster: async () => null })
    memberships.hear(project)
    expect(await memberships.role(principal('ana', { admin: true }), project)).toBeNull()
  })

  test('[C9] whoever has changed is asked for again, and nobody else', async () => {
    const { memberships, asked, project } = open({ membership: async () => null })
    memberships.hear(project)
    expect(await memberships.role(principal('ana'), project)).toBe('analyst')
    memberships.forget(project, 'ana')
    expect(await memberships.role(principal('ben'), project)).toBe('viewer')
    const ana = principal('ana')
    for (let count = 0; count < 2; count++) expect(await memberships.role(ana, project)).toBeNull()
    expect(asked).toEqual(['roster', 'ana'])
  })

  test('[C9] a change that comes while the roster is read counts', async () => {
    let answer: (roster: Roster) => void = () => {}
    const { memberships, project } = open({ roster: () => new Promise((resolve) => (answer = resolve)), membership: async () => null })
    memberships.hear(project)
    const role = memberships.role(principal('ana'), project)
    memberships.forget(project, 'ana')
    answer(new Map([['ana', 'admin']]))
    expect(await role).toBeNull()
  })

  test('[C9] an answer about one person that is older than the news of a change is not remembered', async () => {
    const answers: ((role: Role | null) => void)[] = []
    const { memberships, project } = open({
      roster: async () => 'too-many',
      membership: () => new Promise((resolve) => answers.push(resolve)),
    })
    const ana = principal('ana')
    memberships.hear(project)
    const old = memberships.role(ana, project)
    while (answers.length < 1) await Promise.resolve()
    memberships.forget(project, 'ana')
    const fresh = memberships.role(ana, project)
    while (answers.length < 2) await Promise.resolve()
    answers[1]!(null)
    answers[0]!('admin')
    expect(await Promise.all([old, fresh])).toEqual(['admin', null])
    expect(await memberships.role(ana, project)).toBeNull()
  })

  test('of very many people are asked for one by one and remembered, by credential', async () => {
    const { memberships, asked, project } = open({ roster: async () => 'too-many' })
    const ana = principal('ana')
    memberships.hear(project)
    for (let count = 0; count < 2; count++) expect(await memberships.role(ana, project)).toBe('viewer')
    await memberships.role(principal('ana', { admin: true }), project)
    expect(asked).toEqual(['roster', 'ana', 'ana'])
  })

  test('are asked for again after a minute, and when news may have been missed', async () => {
    const { clock, memberships, asked, project } = open()
    const ana = principal('ana')
    memberships.hear(project)
    await memberships.role(ana, project)
    await clock.advance(59_000)
    await memberships.role(ana, project)
    expect(asked).toHaveLength(1)
    await clock.advance(1_000)
    await memberships.role(ana, project)
    expect(asked).toHaveLength(2)
    memberships.forgetProject(project)
    memberships.hear(project)
    await memberships.role(ana, project)
    expect(asked).toEqual(['roster', 'roster', 'roster'])
  })

  test('that could not be asked for are asked for again', async () => {
    let isAway = true
    const fail = <Answer>(answer: Answer) => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(answer))
    const { memberships, project } = open({ roster: () => fail('too-many' as const), membership: () => fail('admin' as const) })
    const ana = principal('ana')
    memberships.hear(project)
    await expect(memberships.role(ana, project)).rejects.toThrow('away')
    isAway = false
    expect(await memberships.role(ana, project)).toBe('admin')
  })
})
