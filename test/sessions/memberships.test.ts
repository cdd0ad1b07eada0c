import { describe, expect, test } from 'vitest'
import type { Grants } from '../../src/db/members.js'
import { newId, type ProjectId } from '../../src/ids.js'
import type { Role } from '../../src/protocol/views.js'
import type { Principal } from '../../src/sessions/auth.js'
import { Memberships, type Roster } from '../../src/sessions/memberships.js'

const principal = (id: string, grants: Partial<Principal> = {}): Principal => ({
  user: { id, name: id },
  admin: false,
  projects: {},
  publish: [],
  expiresAt: Number.MAX_SAFE_INTEGER,
  credential: null,
  ...grants,
})

const ROSTER: Roster = new Map<string, Role>([
  ['ana', 'analyst'],
  ['ben', 'viewer'],
])

function open(roster: () => Promise<Roster> = async () => ROSTER) {
  const asked: string[] = []
  const membership = async ({ user }: Grants): Promise<Role> => {
    asked.push(user.id)
    return 'viewer'
  }
  return { memberships: new Memberships({ membership, roster }), asked, project: newId<ProjectId>() }
}

describe('roles', () => {
  test('[J1] are the higher of what is stored and what the credential grants', async () => {
    const { memberships, asked, project } = open()
    const role = (id: string, grants: Partial<Principal> = {}) => memberships.role(principal(id, grants), project)
    expect(await role('ana')).toBe('analyst')
    expect(await role('cleo')).toBeNull()
    expect(await role('ana', { projects: { [project]: 'viewer' } })).toBe('analyst')
    expect(await role('ben', { projects: { '*': 'approver' } })).toBe('approver')
    expect(await role('cleo', { projects: { [project]: 'viewer' } })).toBe('viewer')
    expect(await role('cleo', { projects: { '*': 'viewer', [project]: 'analyst' } })).toBe('analyst')
    expect(await role('dan', { admin: true })).toBe('admin')
    expect(asked).toEqual([])
  })

  test('[J1] nobody has one in a project that does not exist, whatever the credential says', async () => {
    const { memberships, project } = open(async () => null)
    expect(await memberships.role(principal('ana', { admin: true }), project)).toBeNull()
  })

  test('of very many people are asked for one by one', async () => {
    const { memberships, asked, project } = open(async () => 'too-many')
    expect(await memberships.role(principal('ana'), project)).toBe('viewer')
    expect(asked).toEqual(['ana'])
  })

  test('that could not be asked for are nobody’s', async () => {
    const { memberships, project } = open(() => Promise.reject(new Error('away')))
    await expect(memberships.role(principal('ana', { admin: true }), project)).rejects.toThrow('away')
  })
})

describe('publishing in a project', () => {
  test('[P1] takes the permission for it, or its role admin, stored or granted', async () => {
    const { memberships, project } = open(async () => new Map<string, Role>([...ROSTER, ['dan', 'admin']]))
    const may = (id: string, grants: Partial<Principal> = {}) => memberships.mayPublish(principal(id, grants), project)
    expect(await may('dan')).toBe(true)
    expect(await may('ana')).toBe(false)
    expect(await may('cleo')).toBe(false)
    expect(await may('cleo', { publish: '*' })).toBe(true)
    expect(await may('cleo', { publish: [project] })).toBe(true)
    expect(await may('cleo', { publish: [newId()] })).toBe(false)
    expect(await may('ana', { projects: { [project]: 'admin' } })).toBe(true)
    expect(await may('cleo', { admin: true })).toBe(true)
  })

  test('[P1] is nobody’s right where there is no project', async () => {
    const { memberships, project } = open(async () => null)
    expect(await memberships.mayPublish(principal('ana', { publish: '*', admin: true }), project)).toBe(false)
  })

  test('[P1] is judged one by one where there are too many to know at once', async () => {
    const { memberships, asked, project } = open(async () => 'too-many')
    expect(await memberships.mayPublish(principal('ana'), project)).toBe(false)
    expect(await memberships.mayPublish(principal('ben', { publish: '*' }), project)).toBe(true)
    expect(asked).toEqual(['ana'])
  })
})
