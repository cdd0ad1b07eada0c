import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { TcpProxy } from '../support/proxy.js'
import { LiveFixture, snapshotOf, type TestClient } from './live-fixture.js'
import { Onlooker } from './people.js'

const LEASE = { ttlMs: 400, renewalMs: 100 }

describe('people on two processes that share a Redis', () => {
  let prefix: string
  let proxy: TcpProxy
  let one: LiveFixture
  let other: LiveFixture
  let project: ProjectId
  let watcher: Onlooker<TestClient>

  beforeEach(async () => {
    prefix = `test-${newId()}`
    project = newId<ProjectId>()
    proxy = await TcpProxy.open(process.env.TEST_REDIS_URL!)
    const open = (url: string) =>
      LiveFixture.open({
        bus: new RedisBus({ url, prefix }),
        membership: async () => 'analyst',
        roster: async () => 'too-many',
        snapshot: async () => snapshotOf(project),
        lease: LEASE,
      })
    one = await open(process.env.TEST_REDIS_URL!)
    other = await open(proxy.url)
    watcher = new Onlooker(await one.signIn('watcher'))
    watcher.client.join(project)
  })
  afterEach(async () => {
    await one.close()
    await other.close()
    await proxy.pullOut()
  })

  const names = () => Object.values(watcher.people).map((person) => (person as { user: { name: string } }).user.name)
  const until = (isMet: () => boolean) => watcher.client.until(isMet)

  async function join(fixture: LiveFixture, user: string, presence?: object): Promise<TestClient> {
    const client = await fixture.signIn(user)
    client.send({ type: 'join', ref: 1, project, ...(presence && { presence }) })
    await client.next('joined')
    return client
  }

  test('[R1] [R2] [R3] all see who is present anywhere, and how many they are', async () => {
    const [ana, ben] = [await join(one, 'ana', { page: 1 }), await join(other, 'ben', { page: 2 })]
    const onlooker = new Onlooker(await other.signIn('onlooker'))
    onlooker.client.join(project)
    await until(() => names().sort().join() === 'ana,ben' && watcher.count === 2)
    await onlooker.client.until(() => onlooker.count === 2)
    ben.send({ type: 'presence', project, state: { page: 3 } })
    await until(() => JSON.stringify(watcher.people).includes('"page":3'))
    ben.socket.terminate()
    await until(() => names().join() === 'ana' && watcher.count === 1)
    ana.send({ type: 'leave', ref: 9, project })
    await until(() => names().length === 0 && watcher.count === 0)
  })

  test('[R5] a process that has lost Redis is given up, and shown again when it is back', async () => {
    await join(one, 'ana', {})
    await join(other, 'ben', {})
    await until(() => watcher.count === 2)
    await proxy.pullOut()
    const lostAt = performance.now()
    await until(() => names().join() === 'ana' && watcher.count === 1)
    expect(performance.now() - lostAt).toBeGreaterThan(LEASE.ttlMs - LEASE.renewalMs)
    await proxy.plugIn()
    await until(() => names().sort().join() === 'ana,ben' && watcher.count === 2)
  })

  test('[R5] [D8] a Redis that has lost everything learns from all who is here and what is claimed no more', async () => {
    const [ana, ben] = [await join(one, 'ana', { page: 1 }), await join(other, 'ben', { page: 2 })]
    ben.send({ type: 'claim', ref: 2, project, target: 'match/1' })
    await until(() => watcher.count === 2 && 'match/1' in watcher.claims)
    const redis = new Redis(process.env.TEST_REDIS_URL!)
    const keys = await redis.keys(`${prefix}:*`)
    expect(keys).toContain(`${prefix}:{${project}}:reports`)
    await redis.del(keys)
    redis.disconnect()
    for (const client of [ana, ben, watcher.client]) {
      await client.find('rejoin')
      client.join(project)
    }
    watcher.latest.clear()
    await until(() => names().sort().join() === 'ana,ben' && watcher.count === 2)
    expect(watcher.claims).toEqual({})
  })

  test('[R8] of many on both who claim at once, one gets it, and the others are told who', async () => {
    const clients = await Promise.all(Array.from({ length: 8 }, (_, no) => join([one, other][no % 2]!, `user ${no}`)))
    for (let round = 0; round < 15; round++) {
      for (const client of clients) client.send({ type: 'claim', ref: 10 + round, project, target: `match/${round}` })
      const answers = await Promise.all(
        clients.map(async (client) => {
          const isAnswer = (message: object) => 'ref' in message && message.ref === 10 + round
          await client.until(() => client.received.some(isAnswer))
          return client.received.find(isAnswer)!
        }),
      )
      const winners = answers.flatMap(({ type }, index) => (type === 'claimed' ? [`user ${index}`] : []))
      expect(winners).toHaveLength(1)
      for (const answer of answers) {
        if (answer.type === 'error') expect(answer).toMatchObject({ code: 'CLAIMED', details: { user: { id: winners[0] } } })
      }
    }
  })

  test('[R6] [R7] [R9] a claim made on one is seen, refused, released and ended on the other', async () => {
    const [ana, ben] = [await join(one, 'ana'), await join(other, 'ben')]
    const claim = (client: TestClient, type: 'claim' | 'release', ttlMs?: number) =>
      client.send({ type, ref: 5, project, target: 'match/1', ...(ttlMs && { ttlMs }) })
    claim(ben, 'claim')
    await ben.find('claimed')
    await until(() => 'match/1' in watcher.claims)
    claim(ana, 'release')
    await ana.find('ack')
    claim(ana, 'claim')
    expect(await ana.find('error')).toMatchObject({ code: 'CLAIMED', details: { user: { id: 'ben' } } })
    claim(ben, 'release')
    await until(() => !('match/1' in watcher.claims))
    claim(ana, 'claim', 300)
    const { until: end } = await ana.find('claimed')
    await until(() => 'match/1' in watcher.claims)
    await until(() => !('match/1' in watcher.claims))
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(end) - 1)
  })
})
