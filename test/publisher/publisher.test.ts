import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { newId } from '../../src/ids.js'
import { HttpEntrance } from '../../src/publisher/http-entrance.js'
import {
  type Publication,
  PublishError,
  Publisher,
  type PublisherOptions,
  type PublishReply,
  type Retry,
} from '../../src/publisher/index.js'
import { RETRY, retryDelayMs } from '../../src/publisher/retry-delay.js'
import { isLong } from '../support/long.js'
import { FAULTS, FaultyServer } from './faulty-server.js'

const PROJECT = newId()
const RUNS = isLong ? 2_000 : 25

let server: FaultyServer
let publisher: Publisher

async function open(faults: Parameters<typeof FaultyServer.open>[0] = [], options: Partial<PublisherOptions> = {}): Promise<void> {
  server = await FaultyServer.open(faults)
  publisher = new Publisher({
    url: server.url,
    token: () => server.token,
    lingerMs: 0,
    requestTimeoutMs: 40,
    retry: { minDelayMs: 1, maxDelayMs: 2 },
    onRetry: () => void server.revive(),
    ...options,
  } as PublisherOptions)
}

afterEach(async () => {
  await publisher?.close({ timeoutMs: 0 })
  await server?.close()
})

const idOf = (publication: Publication) => (publication.key === undefined ? publication.id : undefined)
const event = (id?: string): Publication => ({ type: 'order.paid', data: { a: 1 }, ...(id !== undefined && { id }) })

describe('[P3] [P4] over a server that fails, answers late, or answers and dies', () => {
  const publication = fc.oneof(
    { weight: 6, arbitrary: fc.constant('event' as const) },
    { weight: 2, arbitrary: fc.constant('latest' as const) },
    { weight: 1, arbitrary: fc.constant('bad' as const) },
  )
  const call = fc.record({
    project: fc.integer({ min: 0, max: 1 }),
    kinds: fc.array(publication, { minLength: 1, maxLength: 4 }),
    waits: fc.boolean(),
  })
  const cases = fc.record({
    calls: fc.array(call, { minLength: 1, maxLength: 24 }),
    // A fresh token that is refused too is nothing that time heals, nor is a size.
    faults: fc.array(fc.constantFrom(...FAULTS.filter((fault) => fault !== 'too large')), { maxLength: 12 }).map((faults) => {
      const expiry = faults.indexOf('token expired')
      return faults.filter((fault, index) => fault !== 'token expired' || index === expiry)
    }),
  })

  test('nothing is lost, repeated or reordered in a project, and each call is told what became of it', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ calls, faults }) => {
        await open(faults)
        const projects = [newId(), newId()]
        const made: {
          readonly project: string
          readonly publications: Publication[]
          readonly outcome: Promise<PublishReply | PublishError>
        }[] = []
        for (const [number, { project, kinds, waits }] of calls.entries()) {
          const publications = kinds.map((kind, index): Publication => {
            if (kind === 'latest')
              return { type: 'till.state', key: `${projects[project]}`, data: { number }, version: 10 * number + index + 1 }
            return { type: kind === 'bad' ? 'bad' : 'order.paid', data: {}, id: `${number}.${index}` }
          })
          const outcome = publisher.publish(projects[project]!, publications).catch((error: PublishError) => error)
          made.push({ project: projects[project]!, publications, outcome })
          if (waits) await new Promise((resolve) => setImmediate(resolve))
        }
        const expected = new Map(projects.map((project) => [project, [] as string[]]))
        for (const { project, publications, outcome } of made) {
          const bad = publications.flatMap(({ type }, index) => (type === 'bad' ? [index] : []))
          const reply = await outcome
          if (reply instanceof PublishError) {
            expect({ code: reply.code, bad: reply.items.map(({ index }) => index) }).toEqual({ code: 'INVALID', bad })
            expect(reply.items.map(({ path }) => path)).toEqual(bad.map((index) => `events[${index}].type`))
            continue
          }
          expect(bad).toEqual([])
          const ids = publications.flatMap((one) => idOf(one) ?? [])
          expected.get(project)!.push(...ids)
          expect(reply.results.map((result) => ('id' in result ? result.id : result.key))).toEqual(
            publications.map((one) => one.key ?? idOf(one)),
          )
          for (const result of reply.results) {
            if ('seq' in result) expect(server.published.get(project)![result.seq - 1]).toBe(result.id)
            else if ('version' in result) expect(result.version).toBeGreaterThan(0)
          }
        }
        for (const [project, ids] of expected) {
          expect(server.published.get(project) ?? []).toEqual(ids)
          const versions = made.flatMap((one) =>
            one.project === project && !one.publications.some(({ type }) => type === 'bad')
              ? one.publications.flatMap((each) => (each.key === undefined ? [] : each.version!))
              : [],
          )
          expect(server.latest.get(project) ?? 0).toBe(Math.max(0, ...versions))
        }
        expect(publisher.buffered).toEqual({ items: 0, bytes: 0 })
        await publisher.close()
        await server.close()
      }),
      { numRuns: RUNS },
    )
  })
})

describe('a publisher', () => {
  test('gives each event its UUIDv7 before the first attempt, and repeats under it', async () => {
    await open(['cut', 'answer lost'], { requestTimeoutMs: 10_000 })
    const { results } = await publisher.publish(PROJECT, event())
    const ids = server.requests.map(({ events }) => idOf(events[0]!))
    expect(ids).toEqual([ids[0], ids[0], ids[0]])
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/)
    expect(results).toEqual([{ id: ids[0], seq: 1, duplicate: true }])
  })

  test('sends what comes while it lingers or waits for an answer together, and at most 1,000 and 1 MiB at once', async () => {
    await open([], { requestTimeoutMs: 10_000 })
    const large = { type: 'order.paid', data: { text: 'x'.repeat(400_000) } }
    const calls = [...Array.from({ length: 1_200 }, () => event()), large, large, large].map((one) => publisher.publish(PROJECT, one))
    await Promise.all(calls)
    expect(server.requests.map(({ events }) => events.length)).toEqual([1_000, 202, 1])
  })

  test('publishes what was given, not what became of it afterwards', async () => {
    await open()
    const data = { open: true }
    const done = publisher.publish(PROJECT, { type: 'till.state', data })
    data.open = false
    await done
    expect(server.requests[0]!.events[0]!.data).toEqual({ open: true })
  })

  test.each<[string, readonly unknown[], string]>([
    ['nothing', [], 'events'],
    ['a list', [{ type: 'a.b', data: [] }], 'events[0].data'],
    ['what has no JSON', [event(), { type: 'a.b', data: { big: 1n } }], 'events[1].data'],
    ['what is something else in JSON', [{ type: 'a.b', data: new Date(0) }], 'events[0].data'],
    ['what is nothing in JSON', [{ type: 'a.b', data: { toJSON: () => undefined } }], 'events[0].data'],
    ['a version that is no number', [{ type: 'a.b', data: {}, key: 'k', version: 1n }], 'events[0].version'],
  ])('refuses %s before it is sent', async (_, publications, path) => {
    await open()
    const failed = publisher.publish(PROJECT, publications as Publication[])
    await expect(failed).rejects.toMatchObject({ code: 'INVALID', items: [expect.objectContaining({ path })] })
    expect(server.requests).toEqual([])
  })

  test('takes no more than its buffer holds, and says when there is room', async () => {
    await open(['busy', 'busy'], { maxBufferedItems: 1_500 })
    const first = publisher.publish(
      PROJECT,
      Array.from({ length: 1_000 }, () => event()),
    )
    await expect(
      publisher.publish(
        PROJECT,
        Array.from({ length: 501 }, () => event()),
      ),
    ).rejects.toMatchObject({ code: 'BUFFER_FULL', isRetryable: true })
    const second = publisher.publish(PROJECT, event())
    let hasRoom = false
    const drained = publisher.drained().then(() => {
      hasRoom = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(hasRoom).toBe(false)
    await drained
    expect(publisher.buffered.items).toBeLessThanOrEqual(500)
    await Promise.all([first, second])
  })

  test('waits as long as the server asks, and tells of each failed attempt', async () => {
    const retries: Retry[] = []
    await open(['slow down', 'busy'], { onRetry: (retry) => retries.push(retry) })
    await publisher.publish(PROJECT, event())
    expect(retries.map(({ failures, error }) => [failures, error.code, error.retryAfterMs])).toEqual([
      [1, 'RATE_LIMITED', 1],
      [2, 'DRAINING', null],
    ])
  })

  test('refuses for its size only what is too large alone, not what went along with it', async () => {
    await open(['too large', 'too large', 'none', 'too large', 'too large', 'none'], { requestTimeoutMs: 10_000 })
    const outcomes = ['a', 'b', 'c'].map((id) => publisher.publish(PROJECT, event(id)).catch((error: PublishError) => error.code))
    expect(await Promise.all(outcomes)).toMatchObject([{ results: [{ seq: 1 }] }, 'TOO_LARGE', { results: [{ seq: 2 }] }])
    expect(server.published.get(PROJECT)).toEqual(['a', 'c'])
  })

  test('asks for another token once when the last one is taken no more; then it is refused', async () => {
    const token = vi.fn(() => 'nobody')
    await open([], { token })
    await expect(publisher.publish(PROJECT, event())).rejects.toMatchObject({ code: 'TOKEN_EXPIRED', requestId: 'r1' })
    expect([token.mock.calls.length, server.requests.length]).toEqual([2, 2])
  })

  test('a token that does not come in time is a failed attempt, and is asked for anew', async () => {
    const retries: Retry[] = []
    let asked = 0
    const token = () => (++asked === 1 ? new Promise<string>(() => {}) : server.token)
    await open([], { token, onRetry: (retry) => retries.push(retry) })
    await publisher.publish(PROJECT, event())
    expect(retries[0]?.error).toMatchObject({ code: 'UNREACHABLE', message: 'there is no token' })
  })

  test('publishes what waits before it is closed', async () => {
    await open(['answer lost'], { lingerMs: 60_000 })
    const done = publisher.publish(PROJECT, event('last words'))
    await publisher.close()
    await done
    expect(server.published.get(PROJECT)).toEqual(['last words'])
    await expect(publisher.publish(PROJECT, event())).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('times without an end are none: a request and the end wait for as long as it takes', async () => {
    await open(['busy', 'none'], { requestTimeoutMs: Number.POSITIVE_INFINITY })
    const done = publisher.publish(PROJECT, event('last words'))
    await publisher.close({ timeoutMs: Number.POSITIVE_INFINITY })
    expect(await done).toMatchObject({ results: [{ seq: 1 }] })
  })

  test('sends nothing that was given up while it waited for its token', async () => {
    await open()
    const stop = new AbortController()
    const token = async () => {
      stop.abort()
      return server.token
    }
    const entrance = new HttpEntrance({ url: server.url, token, requestTimeoutMs: 10_000 })
    await expect(entrance.send(PROJECT, [], stop.signal)).rejects.toThrow(PublishError)
    expect(server.requests).toEqual([])
  })

  test('is closed in time when nobody answers, and says what was not published', async () => {
    await open(Array(1_000).fill('cut'))
    const calls = [publisher.publish(PROJECT, event()), publisher.publish(newId(), event())].map((call) =>
      call.catch((error) => error.code),
    )
    await publisher.close({ timeoutMs: 5 })
    expect(await Promise.all(calls)).toEqual(['CLOSED', 'CLOSED'])
  })
})

describe('a wait before another attempt', () => {
  test('is anything up to a ceiling that doubles', () => {
    const ceilings = [1, 2, 3, 50].map((failures) => retryDelayMs(failures, null, RETRY, () => 0.999_999))
    expect(ceilings).toEqual([99, 199, 399, 9_999])
    expect(retryDelayMs(3, null, RETRY, () => 0)).toBe(0)
    expect(retryDelayMs(1, 2_000, RETRY, () => 0.5)).toBe(2_050)
  })

  test('is no longer than a timer can be, whatever a server asks for', () => {
    expect(retryDelayMs(1, 30 * 86_400_000, RETRY, () => 0)).toBe(2 ** 31 - 1)
  })
})
