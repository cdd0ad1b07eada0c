import { describe, expect, test } from 'vitest'
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
  const membership = async ({ user }: Principal): Promise<Role> => {
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
