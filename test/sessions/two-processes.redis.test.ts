import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId } from '../../src/ids.js'
import { BUSY_MS } from '../support/busy.js'
import { TcpProxy } from '../support/proxy.js'
import { eventItem, LiveFixture, latestItem, snapshotOf } from './live-fixture.js'

describe('two processes on one Redis', () => {
  let prefix: string
  let proxy: TcpProxy
  let one: LiveFixture
  let other: LiveFixture

  beforeEach(async () => {
    prefix = `test-${newId()}`
    proxy = await TcpProxy.open(process.env.TEST_REDIS_URL!)
    one = await LiveFixture.open({ bus: new RedisBus({ url: process.env.TEST_REDIS_URL!, prefix }), graceMs: 50 })
    // One database for both.
    other = await LiveFixture.open({
      bus: new RedisBus({ url: proxy.url, prefix }),
      graceMs: 50,
      membership: async (principal, project) => one.judge(principal, project),
      roster: async () => 'too-many',
      snapshot: async (project) => snapshotOf(project),
    })
  })
  afterEach(async () => {
    await one.close()
    await other.close()
    await proxy.pullOut()
  })

  test('[D1] show the same events at the same positions, wherever they were published', async () => {
    const project = one.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ben] = [await one.signIn('ana'), await other.signIn('ben')]
    const [joined] = [await ana.joined(project), await ben.joined(project)]
    for (let count = 0; count < 20; count++) await [one, other][count % 2]!.publish(project, eventItem('demo.event', { count }))
    const seen = { ana: [] as unknown[], ben: [] as unknown[] }
    while (seen.ana.length < 20) seen.ana.push(...(await ana.next('deliver')).events)
    while (seen.ben.length < 20) seen.ben.push(...(await ben.next('deliver')).events)
    expect(seen.ana).toEqual(seen.ben)
    expect(seen.ana).toMatchObject(Array.from({ length: 20 }, (_, count) => ({ seq: joined.position.seq + count + 1, data: { count } })))
  })

  test('[J7] PUBSUB shows a project exactly while a process has a session in it, and as many subscribers as such processes', async () => {
    const redis = new Redis(process.env.TEST_REDIS_URL!)
    const project = one.project({ ana: 'analyst', ben: 'analyst', cleo: 'analyst' })
    const shown = async () => {
      const channels = (await redis.pubsub('CHANNELS', `${prefix}:{${project}}:*`)) as string[]
      const [, count] = (await redis.pubsub('NUMSUB', `${prefix}:{${project}}:live`)) as [string, number]
      return [channels.length, count]
    }
    // The grace, and a little.
    const becomes = (channels: number, processes: number) => expect.poll(shown, { interval: 5 }).toEqual([channels, processes])
    const [ana, ben, cleo] = [await one.signIn('ana'), await other.signIn('ben'), await other.signIn('cleo')]
    expect(await shown()).toEqual([0, 0])
    await ana.joined(project)
    expect(await shown()).toEqual([1, 1])
    for (const client of [ben, cleo]) await client.joined(project)
    expect(await shown()).toEqual([1, 2])
    ana.socket.close()
    await becomes(1, 1)
    ben.send({ type: 'leave', ref: 90, project })
    await ben.next('left')
    await cleo.sync()
    expect(await shown()).toEqual([1, 1])
    // Redis that comes back is asked for what is joined, and for nothing else.
    proxy.cut()
    await becomes(0, 0)
    await becomes(1, 1)
    await one.setRole(project, 'cleo', null)
    await cleo.find('left')
    await becomes(0, 0)
    redis.disconnect()
  })

  test('[C9] a membership that one process removes ends the session of the other within a second', async () => {
    const project = one.project({ ben: 'analyst' })
    const ben = await other.signIn('ben')
    await ben.joined(project)
    const removedAt = performance.now()
    await one.setRole(project, 'ben', null)
    expect(await ben.find('left')).toMatchObject({ project, reason: 'revoked' })
    expect(performance.now() - removedAt).toBeLessThan(1_000 + BUSY_MS)
  })

  test('[D9] Redis away closes no session; [D7] what was published meanwhile arrives when it is back, and nothing else', async () => {
    const project = one.project({ ana: 'analyst', ben: 'analyst' })
    const [ana, ben] = [await one.signIn('ana'), await other.signIn('ben')]
    await ana.joined(project)
    await ben.joined(project)
    await proxy.pullOut()
    for (let version = 1; version <= 5; version++) await one.publish(project, eventItem(), latestItem('job/1', version, { version }))
    await ben.sync()
    const ref = ben.join(one.project({ ben: 'analyst' }))
    expect(await ben.next('error')).toMatchObject({ ref, code: 'BUS_UNAVAILABLE', retryable: true })
    await proxy.plugIn()
    const healed = await ben.next('deliver')
    expect(healed.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5])
    expect(healed.latest).toMatchObject([{ key: 'job/1', version: 5 }])
    expect([ana.closedWith, ben.closedWith]).toEqual([null, null])
    await one.publish(project, eventItem())
    expect((await ben.next('deliver')).events.map(({ seq }) => seq)).toEqual([6])
  })
})
