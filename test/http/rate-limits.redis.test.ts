import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisConnection } from '../../src/bus/redis-connection.js'
import { RATES, type Rate, RateLimits } from '../../src/http/rate-limits.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { createEmbedded, type TestDatabase } from '../db/test-databases.js'
import { TcpProxy } from '../support/proxy.js'
import { expectProblem, HttpFixture } from './http-fixture.js'

describe('limits of two processes', () => {
  const prefix = `test-${newId()}`
  const closing: (() => unknown)[] = []
  const limited: Rate[] = []
  let database: TestDatabase
  let wire: TcpProxy
  let one: HttpFixture
  let two: HttpFixture
  let project: ProjectId

  beforeAll(async () => {
    database = await createEmbedded()
    wire = await TcpProxy.open(process.env.TEST_REDIS_URL!)
    one = await startProcess(wire.url)
    two = await startProcess(wire.url)
    project = await one.project('ana')
  })
  afterAll(async () => {
    for (const close of closing) await close()
    await database.close()
    await wire.pullOut()
  })

  async function startProcess(url: string): Promise<HttpFixture> {
    const redis = redisConnection(url, 'limits', () => undefined)
    await redis.connect()
    const fixture = await HttpFixture.open(database.db, {
      rateLimits: new RateLimits({ factor: 1, redis, prefix, onLimited: (rate) => limited.push(rate) }),
      trustedProxies: ['127.0.0.0/8'],
    })
    closing.push(
      () => fixture.close(),
      () => redis.disconnect(),
    )
    return fixture
  }

  /** Answers of so many refused writes, half at each process: what is wrong with them costs nothing. */
  function write(token: string, count: number) {
    return Promise.all(
      Array.from({ length: count }, (_, no) => (no % 2 === 0 ? one : two).call('POST', '/v1/projects', { token, body: {} })),
    )
  }
  const leftOf = (answers: Awaited<ReturnType<typeof write>>) =>
    answers.map(({ headers }) => Number(/;r=(\d+);/.exec(headers.get('ratelimit')!)![1])).sort((a, b) => a - b)

  test('the 101st write within a minute is refused, at whichever process; who else asks, and what else is asked, is not', async () => {
    const token = await one.token('ana')
    const answers = await write(token, RATES.writes)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([422]))
    expect(answers[0]!.headers.get('ratelimit-policy')).toBe('"writes";q=100;w=60')
    expect(leftOf(answers)).toEqual(answers.map((_, no) => no))
    for (const refused of await write(token, 2)) {
      expectProblem(refused, 429, 'RATE_LIMITED')
      const { t: left } = /^"writes";r=0;t=(?<t>\d+)$/.exec(refused.headers.get('ratelimit')!)!.groups!
      expect(refused.headers.get('retry-after')).toBe(left)
      expect(Number(left)).toBeGreaterThan(30)
      expect(Number(left)).toBeLessThanOrEqual(60)
    }
    expect(limited).toEqual(['writes', 'writes'])
    expect((await one.call('GET', '/v1/me', { token })).status).toBe(200)
    expect((await write(await one.token('ben'), 1))[0]!.status).toBe(422)
  })

  test('signing in is limited by address, which a client cannot choose; strangers of one address share what is left to it', async () => {
    const signIn = (client: string) => one.call('POST', '/v1/sessions', { body: { code: 'x' }, headers: { 'x-forwarded-for': client } })
    for (let no = 0; no < RATES['sign-in']; no++) expect((await signIn(`1.2.3.${no}, 203.0.113.1`)).status).toBe(401)
    expectProblem(await signIn('9.9.9.9, 203.0.113.1'), 429, 'RATE_LIMITED')
    expect((await signIn('203.0.113.2')).status).toBe(401)
    for (let no = 0; no < RATES['sign-in']; no++)
      expect((await signIn(no % 2 ? `2001:db8:0:1::${no}` : `2001:DB8::1:${no}:0:0:1`)).status).toBe(401)
    expectProblem(await signIn('2001:db8:0:1:2:3:4:5'), 429, 'RATE_LIMITED')
    expect((await signIn('2001:db8:0:2::1')).status).toBe(401)
    const stranger = await one.call('GET', '/v1/me', { token: 'forged', headers: { 'x-forwarded-for': '203.0.113.3' } })
    expectProblem(stranger, 401, 'UNAUTHENTICATED')
    expect(stranger.headers.get('ratelimit')).toMatch(/^"reads";r=599;/)
  })

  test('what is published counts by events', async () => {
    const token = await one.token('cy', { publish: '*' })
    const publish = (count: number) =>
      one.call('POST', `/v1/projects/${project}/events`, {
        token,
        body: { events: Array.from({ length: count }, () => ({ type: 'a.b', data: 1 })) },
      })
    expect((await publish(3)).headers.get('ratelimit')).toMatch(/^"events";r=49997;/)
    expect((await publish(1)).headers.get('ratelimit')).toMatch(/^"events";r=49996;/)
  })

  test('no key in Redis tells who asked, and each one ends', async () => {
    const redis = redisConnection(process.env.TEST_REDIS_URL!, 'test', () => undefined)
    await redis.connect()
    const keys: string[] = []
    for await (const batch of redis.scanStream({ match: `${prefix}*` })) keys.push(...(batch as string[]))
    expect(keys.length).toBeGreaterThan(4)
    for (const key of keys) {
      expect(key).toMatch(new RegExp(`^${prefix}:\\{tallyroom\\}:rate:[a-z-]+:[A-Za-z0-9_-]{43}$`))
      expect(await redis.ttl(key)).toBeGreaterThan(0)
    }
    redis.disconnect()
  })

  test('with Redis away, and with Redis silent, each process limits by itself, and nobody waits', async () => {
    for (const cut of [() => wire.turnAway(), () => wire.hold()]) {
      cut()
      const token = await one.token(newId())
      const startedAt = performance.now()
      const answers = await write(token, 2 * RATES.writes + 2)
      expect(answers.map(({ status }) => status).sort()).toEqual([...Array(2 * RATES.writes).fill(422), 429, 429])
      expect(performance.now() - startedAt).toBeLessThan(5_000)
      await wire.plugIn()
      wire.release()
      await expect.poll(async () => leftOf(await write(await one.token(newId()), 2)), { timeout: 5_000 }).toEqual([98, 99])
    }
  })
})
