import { describe, expect, test } from 'vitest'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Role } from '../../src/protocol/views.js'
import type { Principal } from '../../src/sessions/auth.js'
import { Memberships } from '../../src/sessions/memberships.js'
import { FakeClock } from './fake-clock.js'

const principal = (id: string): Principal => ({
  user: { id, name: id },
  admin: false,
  projects: {},
  publish: [],
  expiresAt: Number.MAX_SAFE_INTEGER,
  credential: null,
})

/** Memberships whose questions are counted. */
function open(answer: (asked: number) => Promise<Role | null> = async () => 'viewer') {
  const clock = new FakeClock()
  const asked: string[] = []
  const memberships = new Memberships({
    clock,
    ask: ({ user }) => {
      asked.push(user.id)
      return answer(asked.length)
    },
  })
  return { clock, memberships, asked, project: newId<ProjectId>() }
}

describe('a role', () => {
  test('is asked for each time while nobody hears the project, and once while it is heard', async () => {
    const { memberships, asked, project } = open()
    const ana = principal('ana')
    for (let count = 0; count < 2; count++) await memberships.role(ana, project)
    expect(asked).toHaveLength(2)
    memberships.hear(project)
    await Promise.all([memberships.role(ana, project), memberships.role(ana, project)])
    expect(await memberships.role(ana, project)).toBe('viewer')
    expect(asked).toHaveLength(3)
    await memberships.role(ana, newId<ProjectId>())
    expect(asked).toHaveLength(4)
  })

  test('[C9] is asked for again when news says that it has changed, and that of nobody else', async () => {
    const { memberships, asked, project } = open(async (count) => (count > 2 ? null : 'viewer'))
    const [ana, ben] = [principal('ana'), principal('ben')]
    memberships.hear(project)
    await memberships.role(ana, project)
    await memberships.role(ben, project)
    memberships.forget(project, 'ana')
    expect(await memberships.role(ben, project)).toBe('viewer')
    expect(await memberships.role(ana, project)).toBeNull()
    expect(asked).toEqual(['ana', 'ben', 'ana'])
  })

  test('[C9] that was asked for before the news of its change is not remembered', async () => {
    const answers: ((role: Role | null) => void)[] = []
    const { memberships, project } = open(() => new Promise((resolve) => answers.push(resolve)))
    const ana = principal('ana')
    memberships.hear(project)
    const old = memberships.role(ana, project)
    memberships.forget(project, 'ana')
    const fresh = memberships.role(ana, project)
    answers[1]!(null)
    answers[0]!('admin')
    expect(await Promise.all([old, fresh])).toEqual(['admin', null])
    expect(await memberships.role(ana, project)).toBeNull()
  })

  test('of another credential of the same person is asked for by itself', async () => {
    const { memberships, asked, project } = open()
    memberships.hear(project)
    await memberships.role(principal('ana'), project)
    await memberships.role({ ...principal('ana'), admin: true }, project)
    expect(asked).toHaveLength(2)
  })

  test('is asked for again after a minute, and when news may have been missed', async () => {
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
    expect(asked).toHaveLength(3)
  })

  test('that could not be asked for is asked for again', async () => {
    const { memberships, project } = open((count) => (count === 1 ? Promise.reject(new Error('away')) : Promise.resolve('admin')))
    const ana = principal('ana')
    memberships.hear(project)
    await expect(memberships.role(ana, project)).rejects.toThrow('away')
    expect(await memberships.role(ana, project)).toBe('admin')
  })
})
