import { beforeEach, describe, expect, test } from 'vitest'
import type { Revocation, RevocationsReading } from '../../src/db/revocations.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { FakeClock, settle } from './fake-clock.js'
import { MemoryFixture } from './memory-fixture.js'

/** Another process revokes, and nothing of it comes by the bus. */
describe('what was revoked and not heard', () => {
  let stored: (Revocation & { readonly id: string; readonly at: number })[]
  let asked: (Date | null)[]
  let isDatabaseAway: boolean
  let clock: FakeClock
  let fixture: MemoryFixture
  let project: ProjectId

  beforeEach(() => {
    stored = []
    asked = []
    isDatabaseAway = false
    // The longest wait.
    clock = new FakeClock({ random: () => 0.999 })
    fixture = new MemoryFixture({ clock, revocations: read })
    project = fixture.project({ ana: 'analyst', ben: 'analyst' })
  })

  async function read(since: Date | null): Promise<RevocationsReading> {
    asked.push(since)
    if (isDatabaseAway) throw new Error('no database')
    const from = (since?.getTime() ?? clock.today()) - 60_000
    return { until: new Date(clock.today()), revocations: stored.filter(({ at }) => at > from) }
  }
  const revoke = (revocation: Revocation) => void stored.push({ ...revocation, id: newId(), at: clock.today() })

  test('[C9] a removed membership takes effect within 1 s, for that person alone', async () => {
    const [ana, ben] = [await fixture.joined('ana', project), await fixture.joined('ben', project)]
    fixture.setRole(project, 'ana', null)
    revoke({ kind: 'member', project, user: 'ana' })
    await clock.advance(1_000)
    expect(ana.take()).toEqual([{ type: 'left', ref: null, project, reason: 'revoked' }])
    expect(ben.take()).toEqual([])
    await fixture.publish(project)
    expect([ana.types, ben.types]).toEqual([[], ['deliver']])
  })

  test('[C9] within 1 s of reaching the database again, which is then asked for all of the time between', async () => {
    const ana = await fixture.joined('ana', project)
    await clock.advance(1_000)
    isDatabaseAway = true
    const lastReadAt = clock.today()
    fixture.setRole(project, 'ana', null)
    revoke({ kind: 'member', project, user: 'ana' })
    // Less than it takes to be closed for silence.
    await clock.advance(20_000)
    expect(ana.take()).toEqual([])
    isDatabaseAway = false
    await clock.advance(1_000)
    expect(ana.take()).toEqual([{ type: 'left', ref: null, project, reason: 'revoked' }])
    expect(Math.max(...asked.slice(2, -1).map((since) => since?.getTime() ?? Number.POSITIVE_INFINITY))).toBeLessThanOrEqual(lastReadAt)
  })

  test('a project that was deleted elsewhere is left', async () => {
    const ana = await fixture.joined('ana', project)
    revoke({ kind: 'project', project })
    await clock.advance(1_000)
    expect(ana.take()).toEqual([{ type: 'left', ref: null, project, reason: 'deleted' }])
  })

  test('[C9] each is obeyed once, and is asked for also while nobody is here', async () => {
    await clock.advance(5_000)
    expect(asked.length).toBeGreaterThan(4)
    const ana = await fixture.joined('ana', project)
    revoke({ kind: 'project', project })
    await clock.advance(1_000)
    ana.take()
    ana.send({ type: 'join', ref: 2, project })
    await settle()
    await clock.advance(20_000)
    expect(ana.types.filter((type) => type !== 'ping')).toEqual(['joined'])
    expect(asked.length).toBeGreaterThan(20)
  })
})
