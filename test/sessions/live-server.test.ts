import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventItem, LiveFixture, latestItem } from './live-fixture.js'

describe('a live server', () => {
  let fixture: LiveFixture
  beforeEach(async () => {
    fixture = await LiveFixture.open()
  })
  afterEach(() => fixture.close())

  test('[C5] answers hello with welcome and each of its joins', async () => {
    const [first, second] = [fixture.project({ ana: 'analyst' }), fixture.project({ ana: 'viewer' })]
    const ana = await fixture.connect()
    const joins = [first, second, fixture.project()].map((project, index) => ({ ref: index + 1, project }))
    ana.send({ type: 'hello', token: await fixture.token('ana'), joins })
    const welcome = await ana.next('welcome')
    expect(welcome).toMatchObject({
      user: { id: 'ana', name: 'ana' },
      node: 'node-1',
      heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
    })
    await ana.until(() => ana.received.length === 3)
    const byRef = new Map(ana.received.map((message) => ['ref' in message ? message.ref : null, message]))
    expect(byRef.get(1)).toMatchObject({ type: 'joined', project: first, role: 'analyst', mode: 'snapshot', events: [] })
    expect(byRef.get(2)).toMatchObject({ type: 'joined', project: second, role: 'viewer' })
    expect(byRef.get(3)).toMatchObject({ type: 'error', code: 'FORBIDDEN', retryable: false })
  })

  test('[D2] delivers what is published to everybody who has joined', async () => {
    const project = fixture.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    const { position } = await ana.joined(project)
    await ben.joined(project)
    await fixture.publish(project, eventItem('demo.event', { n: 1 }, 'ana'), latestItem('job/1', 1, { n: 2 }))
    const [forAna, forBen] = [await ana.next('deliver'), await ben.next('deliver')]
    expect(forAna).toEqual(forBen)
    expect(forAna).toMatchObject({
      project,
      epoch: position.epoch,
      events: [{ seq: position.seq + 1, actor: 'ana', data: { n: 1 } }],
      latest: [{ key: 'job/1', version: 1, data: { n: 2 } }],
    })
  })
})
