import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type Bus,
  type BusItem,
  type BusListener,
  type BusMessage,
  type BusResult,
  type BusState,
  MAX_BATCH_BYTES,
  MAX_EVENT_BODY_BYTES,
  MAX_ITEMS,
  MAX_LATEST_BODY_BYTES,
  MAX_LIVE_KEYS,
  MAX_NAME_BYTES,
  MAX_OUTBOX_BODY_BYTES,
  MAX_TYPE_BYTES,
} from '../../src/bus/bus.js'
import { AppError } from '../../src/errors.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { TOMBSTONE_BODY } from '../../src/protocol/events.js'

export interface BusUnderTest {
  readonly bus: Bus
  stop(): Promise<void>
}

export function event(data: unknown = {}, id?: string): BusItem {
  const body = JSON.stringify({ actor: null, data })
  return { kind: 'event', type: 'order.paid', body, ...(id === undefined ? {} : { id }) }
}

export function outbox(no: number, place: 'first' | 'next' = 'next'): BusItem {
  return {
    kind: 'outbox',
    no: BigInt(no),
    isFirst: place === 'first',
    type: 'job.started',
    id: `outbox-${no}`,
    body: `{"actor":null,"data":{"no":${no}}}`,
  }
}

export function latest(key: string, data: unknown, version?: number): BusItem {
  return { kind: 'latest', type: 'job.progress', key, body: JSON.stringify({ data }), ...(version === undefined ? {} : { version }) }
}

/** Keeps what a subscription heard. */
export class Listener implements BusListener {
  readonly messages: BusMessage[] = []
  readonly lost: { readonly reason: 'gap' | 'epoch'; readonly state: BusState }[] = []

  onMessage(message: BusMessage): void {
    this.messages.push(message)
  }

  onLost(reason: 'gap' | 'epoch', state: BusState): void {
    this.lost.push({ reason, state })
  }

  get events() {
    return this.messages.flatMap((message) => message.events)
  }

  get latest() {
    return this.messages.flatMap((message) => message.latest)
  }
}

/** An event's or latest value's `data`. */
export function dataOf({ body }: { readonly body: string }): unknown {
  return JSON.parse(body).data
}

/** What every bus has to do (PROTOCOL §5 and §8): in memory and on Redis alike. */
export function busContract(name: string, makeBus: () => Promise<BusUnderTest>) {
  describe(name, () => {
    let bus: Bus
    let stop: () => Promise<void>
    let project: ProjectId

    beforeEach(async () => {
      const made = await makeBus()
      bus = made.bus
      stop = made.stop
      await bus.start()
      project = newId<ProjectId>()
    })
    afterEach(async () => {
      await bus.stop()
      await stop()
    })

    const heard = (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 5 })
    const seqs = (results: readonly BusResult[]) => results.map((result) => ('seq' in result ? result.seq : null))
    const refusal = (items: readonly BusItem[]) =>
      bus.publish(project, items).then(
        () => null,
        (error: unknown) => error,
      )

    test('[D1] events of one project have seq 1, 2, 3, … in one order, however many publish at once', async () => {
      const listener = new Listener()
      await bus.subscribe(project, listener)
      const batches = Array.from({ length: 40 }, (_, batch) => Array.from({ length: 1 + (batch % 5) }, (_, at) => event({ batch, at })))
      const replies = await Promise.all(batches.map((items) => bus.publish(project, items)))
      const total = batches.flat().length

      await heard(() => expect(listener.events).toHaveLength(total))
      expect(listener.events.map(({ seq }) => seq)).toEqual(Array.from({ length: total }, (_, at) => at + 1))
      // [P5] No other event comes between those of a batch.
      for (const { results } of replies) {
        const [first] = seqs(results)
        expect(seqs(results)).toEqual(results.map((_, at) => first! + at))
      }
      const published = new Map(
        replies.flatMap(({ results }, batch) =>
          results.map((result, at) => [result.kind === 'sequenced' ? result.id : '', { batch, at }] as const),
        ),
      )
      expect(listener.events.map((item) => [item.id, dataOf(item)])).toEqual(listener.events.map(({ id }) => [id, published.get(id)]))
    })

    test('[B2] n counts the messages of a project: one per call that published something', async () => {
      const listener = new Listener()
      const { head } = await bus.subscribe(project, listener)
      expect(head).toMatchObject({ seq: 0, id: '', n: 0 })
      await bus.publish(project, [event(), event(), latest('a', 1)])
      await bus.publish(project, [event({}, 'once')])
      await bus.publish(project, [event({}, 'once')])
      await bus.publish(project, [latest('a', 2)])
      await bus.publish(project, [latest('a', 3, 1)])
      await bus.publish(project, [event()])

      await heard(() => expect(listener.messages).toHaveLength(4))
      expect(listener.messages.map(({ n, events, latest }) => [n, events.length, latest.length])).toEqual([
        [1, 2, 1],
        [2, 1, 0],
        [3, 0, 1],
        [4, 1, 0],
      ])
      expect(await bus.head(project)).toEqual({ epoch: head.epoch, seq: 4, id: listener.events.at(-1)!.id, n: 4 })
    })

    test('projects know nothing of each other', async () => {
      const other = newId<ProjectId>()
      const listener = new Listener()
      await bus.subscribe(project, listener)
      await bus.publish(other, [event({}, 'x'), latest('a', 1)])
      const { results } = await bus.publish(project, [event({}, 'x')])
      expect(results).toEqual([{ kind: 'sequenced', id: 'x', seq: 1 }])
      await heard(() => expect(listener.events).toHaveLength(1))
      expect((await bus.latest(project)).latest).toEqual([])
      expect((await bus.head(project)).epoch).not.toBe((await bus.head(other)).epoch)
    })

    test('makes a UUIDv7 for an event without an id', async () => {
      const { results } = await bus.publish(project, [event()])
      expect(results[0]).toMatchObject({ kind: 'sequenced', id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/) })
    })

    test('carries names and bodies as they were given', async () => {
      const listener = new Listener()
      await bus.subscribe(project, listener)
      const data = { empty: [], digits: 'x', text: 'naïve 🧾 \u007f \u2028 a\nb', deep: { a: [{}] } }
      const body = JSON.stringify({ actor: 'ana', data }).replace('"x"', '12345678901234567890.10')
      const id = 'id with spaces: 1:2 ✓'
      await bus.publish(project, [
        { kind: 'event', type: 'a.b_c', id, body },
        { kind: 'latest', type: 'job.progress', key: 'job/ a b', body: TOMBSTONE_BODY },
        latest('job/ a c', data),
      ])
      await heard(() => expect(listener.messages).toHaveLength(1))
      expect(listener.events).toEqual([{ seq: 1, id, type: 'a.b_c', at: expect.stringMatching(/^\d{4}-.+\.\d{3}Z$/), body }])
      expect(listener.latest).toMatchObject([
        { key: 'job/ a b', version: 1, type: 'job.progress', body: TOMBSTONE_BODY },
        { key: 'job/ a c', version: 1, type: 'job.progress', body: JSON.stringify({ data }) },
      ])
      const state = await bus.latest(project)
      expect(state.latest).toEqual([listener.latest[1]])
      expect(state.head.id).toBe(id)
    })

    describe('ids', () => {
      test('[P3] an id seen before returns the first result and publishes nothing, whatever its content', async () => {
        await bus.publish(project, [event(), event({ amount: 1 }, 'a')])
        const before = await bus.head(project)
        const { results, epoch } = await bus.publish(project, [event({ amount: 2 }, 'a')])
        expect(results).toEqual([{ kind: 'duplicate', id: 'a', seq: 2 }])
        expect(epoch).toBe(before.epoch)
        expect(await bus.head(project)).toEqual(before)
      })

      test('[P3] also earlier in the same batch', async () => {
        const { results } = await bus.publish(project, [event({}, 'a'), event({}, 'b'), event({}, 'a'), event()])
        expect(results).toMatchObject([
          { kind: 'sequenced', id: 'a', seq: 1 },
          { kind: 'sequenced', id: 'b', seq: 2 },
          { kind: 'duplicate', id: 'a', seq: 1 },
          { kind: 'sequenced', seq: 3 },
        ])
      })

      test('[P3] also when all arrive at once', async () => {
        const replies = await Promise.all(Array.from({ length: 20 }, (_, at) => bus.publish(project, [event({ at }, 'a')])))
        const results = replies.flatMap((reply) => reply.results)
        expect(results.filter(({ kind }) => kind === 'sequenced')).toHaveLength(1)
        expect(new Set(seqs(results))).toEqual(new Set([1]))
        expect((await bus.head(project)).seq).toBe(1)
      })
    })

    describe('validation', () => {
      test('[P5] a batch with a bad item publishes nothing and names every bad one', async () => {
        await bus.publish(project, [event()])
        const before = await bus.latest(project)
        const error = await refusal([
          event({}, 'good'),
          { kind: 'event', type: 'No', body: '{"data":{}}' },
          latest('good', 1),
          latest('', 1),
          event({}, 'a\nb'),
          latest('v', 1, 0),
          { kind: 'event', type: 'a.b', body: '[]' },
        ])
        expect(error).toBeInstanceOf(AppError)
        const { code, details } = error as AppError
        expect(code).toBe('INVALID')
        expect(details?.items).toMatchObject([1, 3, 4, 5, 6].map((index) => ({ index, path: `events[${index}]` })))
        expect(await bus.latest(project)).toEqual(before)
        expect((await bus.publish(project, [event({}, 'good')])).results).toMatchObject([{ kind: 'sequenced' }])
      })

      const body = (bytes: number) => `{"data":"${'x'.repeat(bytes - 11)}"}`
      const boundaries: readonly (readonly [string, (extra: number) => readonly BusItem[]])[] = [
        ['1,000 items', (extra) => Array.from({ length: MAX_ITEMS + extra }, () => event())],
        ['the body of an event', (extra) => [{ kind: 'event', type: 'a.b', body: body(MAX_EVENT_BODY_BYTES + extra) }]],
        [
          'the body of an outbox event',
          (extra) => [{ kind: 'outbox', no: 1n, type: 'a.b', id: 'x', body: body(MAX_OUTBOX_BODY_BYTES + extra) }],
        ],
        ['the body of a latest value', (extra) => [{ kind: 'latest', type: 'a.b', key: 'k', body: body(MAX_LATEST_BODY_BYTES + extra) }]],
        [
          'a body counted in bytes',
          (extra) => [{ kind: 'event', type: 'a.b', body: `{"data":"${'é'.repeat((MAX_EVENT_BODY_BYTES - 12) / 2 + extra)}x"}` }],
        ],
        ['the name of a type', (extra) => [{ kind: 'event', type: `a.${'b'.repeat(MAX_TYPE_BYTES - 2 + extra)}`, body: body(20) }]],
        ['an id, in bytes', (extra) => [event({}, 'é'.repeat(MAX_NAME_BYTES / 2 + extra))]],
        ['a key', (extra) => [latest('k'.repeat(MAX_NAME_BYTES + extra), 1)]],
        ['a version', (extra) => [latest('k', 1, Number.MAX_SAFE_INTEGER + extra)]],
        [
          'the bodies of a batch together',
          (extra) => {
            const each = { kind: 'event', type: 'a.b', body: body(32_768) } as const
            return [...Array.from({ length: MAX_BATCH_BYTES / 32_768 - 1 }, () => each), { ...each, body: body(32_768 + extra) }]
          },
        ],
      ]
      test.each(boundaries)('%s may reach its limit and no more', async (_, make) => {
        expect(await refusal(make(1))).toMatchObject({ code: 'INVALID' })
        expect((await bus.head(project)).n).toBe(0)
        expect(await refusal(make(0))).toBeNull()
        expect((await bus.head(project)).n).toBe(1)
      })

      test.each(['', 'a..b', '.a', 'a.', 'A.b', 'a.1', 'a-b', 'a b', '1a', 'a.b\n'])('no event is of the type "%s"', async (type) => {
        expect(await refusal([{ kind: 'event', type, body: '{"data":{}}' }])).toMatchObject({ code: 'INVALID' })
      })

      test('an empty batch is refused', async () => {
        expect(await refusal([])).toMatchObject({ code: 'INVALID' })
      })
    })

    describe('latest values', () => {
      test('[D4] without a version the next one, an older one or the same is refused', async () => {
        const { results } = await bus.publish(project, [
          latest('a', 1),
          latest('a', 2),
          latest('a', 3, 7),
          latest('a', 4, 7),
          latest('a', 5, 3),
          latest('a', 6),
        ])
        expect(results).toEqual([
          { kind: 'versioned', key: 'a', version: 1 },
          { kind: 'versioned', key: 'a', version: 2 },
          { kind: 'versioned', key: 'a', version: 7 },
          { kind: 'refused', key: 'a', version: 7 },
          { kind: 'refused', key: 'a', version: 7 },
          { kind: 'versioned', key: 'a', version: 8 },
        ])
        expect((await bus.latest(project)).latest.map((value) => [value.key, value.version, dataOf(value)])).toEqual([['a', 8, 6]])
      })

      test('[D4] a tombstone hides the value, and still refuses what is older', async () => {
        await bus.publish(project, [latest('a', 1, 5), latest('b', 1)])
        await bus.publish(project, [latest('a', null, 6)])
        expect((await bus.latest(project)).latest.map(({ key }) => key)).toEqual(['b'])
        expect((await bus.publish(project, [latest('a', 2, 6)])).results).toEqual([{ kind: 'refused', key: 'a', version: 6 }])
        expect((await bus.publish(project, [latest('a', 3)])).results).toEqual([{ kind: 'versioned', key: 'a', version: 7 }])
      })

      test('[D4] a project has at most 1,000 live keys; a tombstone gives its place away, a known key needs none', async () => {
        const all = Array.from({ length: MAX_LIVE_KEYS }, (_, at) => latest(`k/${at}`, at))
        await bus.publish(project, all)
        const refused = await refusal([event({}, 'with it'), latest('k/0', 'again'), latest('one/more', 1)])
        expect(refused).toMatchObject({ code: 'INVALID', details: { items: [{ index: 2, path: 'events[2]' }] } })
        expect((await bus.head(project)).seq).toBe(0)
        await bus.publish(project, [latest('k/0', 'again')])
        await bus.publish(project, [latest('k/1', null)])
        await bus.publish(project, [latest('one/more', 1)])
        expect(await refusal([latest('two/more', 1)])).toMatchObject({ code: 'INVALID' })
        expect((await bus.latest(project)).latest).toHaveLength(MAX_LIVE_KEYS)
      })

      test('[D4] versions of a key only grow for whoever listens, and the newest arrives', async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(
              fc.record({
                key: fc.constantFrom('a', 'b', 'c'),
                version: fc.option(fc.integer({ min: 1, max: 12 }), { nil: undefined }),
                data: fc.oneof(fc.constant(null), fc.nat()),
              }),
              { minLength: 1, maxLength: 30 },
            ),
            async (writes) => {
              const own = newId<ProjectId>()
              const listener = new Listener()
              await bus.subscribe(own, listener)
              const replies = await Promise.all(writes.map(({ key, version, data }) => bus.publish(own, [latest(key, data, version)])))
              const taken = replies.filter(({ results }) => results[0]?.kind === 'versioned').length
              await heard(() => expect(listener.messages).toHaveLength(taken))
              const newest = new Map<string, number>()
              for (const { key, version } of listener.latest) {
                expect(version).toBeGreaterThan(newest.get(key) ?? 0)
                newest.set(key, version)
              }
              const stored = (await bus.latest(own)).latest
              const shown = [...newest].filter(([key]) => listener.latest.findLast((value) => value.key === key)?.body !== TOMBSTONE_BODY)
              expect(new Map(stored.map(({ key, version }) => [key, version]))).toEqual(new Map(shown))
            },
          ),
          { numRuns: 15 },
        )
      })
    })

    describe('the outbox', () => {
      test('[B4] the first of an epoch is 1, or whatever is said to be the first; then only the next is taken', async () => {
        expect(await bus.outboxState(project)).toEqual({ taken: null, before: null })
        const { results } = await bus.publish(project, [
          outbox(41),
          outbox(41, 'first'),
          outbox(43, 'first'),
          outbox(42),
          outbox(42),
          outbox(43),
        ])
        expect(await bus.outboxState(project)).toEqual({ taken: 43n, before: null })
        expect(results).toEqual([
          { kind: 'not-begun', before: null },
          { kind: 'sequenced', id: 'outbox-41', seq: 1 },
          { kind: 'out-of-turn', no: 41n },
          { kind: 'sequenced', id: 'outbox-42', seq: 2 },
          { kind: 'out-of-turn', no: 42n },
          { kind: 'sequenced', id: 'outbox-43', seq: 3 },
        ])
      })

      test('[B4] many who publish the same rows at once publish each once and in order', async () => {
        const listener = new Listener()
        await bus.subscribe(project, listener)
        await bus.publish(project, [outbox(1)])
        const rows = Array.from({ length: 30 }, (_, at) => outbox(at + 1))
        await Promise.all(Array.from({ length: 12 }, (_, who) => bus.publish(project, rows.slice(who, who + 15))))
        await bus.publish(project, rows)
        await heard(() => expect(listener.events).toHaveLength(30))
        expect(listener.events.map(({ id }) => id)).toEqual(rows.map((_, at) => `outbox-${at + 1}`))
      })

      test('[B4] latest values that follow an outbox item share its fate', async () => {
        await bus.publish(project, [latest('job/1', 'half', 4), outbox(1)])
        const late = await bus.publish(project, [outbox(1), latest('job/1', null, 5), event(), latest('job/2', 'free')])
        expect(late.results).toMatchObject([
          { kind: 'out-of-turn', no: 1n },
          { kind: 'refused', key: 'job/1', version: 4 },
          { kind: 'sequenced', seq: 2 },
          { kind: 'versioned', key: 'job/2', version: 1 },
        ])
        const listener = new Listener()
        await bus.subscribe(project, listener)
        await bus.publish(project, [outbox(2), latest('job/1', null, 5)])
        await heard(() => expect(listener.messages).toHaveLength(1))
        expect(listener.messages[0]).toMatchObject({
          events: [{ id: 'outbox-2' }],
          latest: [{ key: 'job/1', version: 5, body: TOMBSTONE_BODY }],
        })
        const afterwards = await bus.publish(project, [latest('job/1', 'late', 5)])
        expect(afterwards.results).toEqual([{ kind: 'refused', key: 'job/1', version: 5 }])
      })
    })

    describe('subscriptions', () => {
      test('[J5] who subscribes while others publish gets the state and everything after it, once and in order', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 6 }), async (pauses) => {
            const own = newId<ProjectId>()
            let published = 0
            let isOver = false
            const publisher = (async () => {
              while (!isOver) {
                await bus.publish(own, [event({ no: ++published }), latest('progress', published)])
                // In memory nothing else would get a turn.
                await new Promise(setImmediate)
              }
            })()
            const subscribers: { readonly state: BusState; readonly listener: Listener }[] = []
            for (const pause of pauses) {
              const goal = published + pause
              await vi.waitUntil(() => published >= goal, { timeout: 10_000, interval: 1 })
              const listener = new Listener()
              subscribers.push({ state: await bus.subscribe(own, listener), listener })
            }
            isOver = true
            await publisher
            for (const { state, listener } of subscribers) {
              await heard(() => expect(listener.events.at(-1)?.seq ?? state.head.seq).toBe(published))
              expect(listener.events.map(({ seq }) => seq)).toEqual(
                Array.from({ length: published - state.head.seq }, (_, at) => state.head.seq + 1 + at),
              )
              expect(listener.messages.map(({ n }) => n)).toEqual(listener.messages.map((_, at) => state.head.n + 1 + at))
              // State and head are of one moment.
              expect(state.latest.map(({ version }) => version)).toEqual(state.head.seq === 0 ? [] : [state.head.seq])
              expect(listener.lost).toEqual([])
            }
          }),
          { numRuns: 8 },
        )
      })

      test('nothing arrives after close, and others go on', async () => {
        const [closed, open] = [new Listener(), new Listener()]
        const subscription = await bus.subscribe(project, closed)
        await bus.subscribe(project, open)
        await bus.publish(project, [event()])
        await heard(() => expect(closed.events).toHaveLength(1))
        await subscription.close()
        await bus.publish(project, [event()])
        await heard(() => expect(open.events).toHaveLength(2))
        expect(closed.events).toHaveLength(1)
      })

      test('a project can be subscribed again after its last subscription was closed', async () => {
        const subscription = await bus.subscribe(project, new Listener())
        const closing = subscription.close()
        const listener = new Listener()
        const { head } = await bus.subscribe(project, listener)
        await closing
        expect(head.seq).toBe(0)
        await bus.publish(project, [event()])
        await heard(() => expect(listener.events).toHaveLength(1))
      })

      test('a listener that publishes is heard after what it was hearing', async () => {
        const listener = new Listener()
        await bus.subscribe(project, {
          onMessage({ events }) {
            if (events[0]?.seq === 1) void bus.publish(project, [event({}, 'answer')])
          },
          onLost: () => undefined,
        })
        await bus.subscribe(project, listener)
        await bus.publish(project, [event({}, 'question')])
        await heard(() => expect(listener.events.map(({ id }) => id)).toEqual(['question', 'answer']))
      })
    })

    describe('names that are taken once', () => {
      test('[C2] the first gets it, also of many at once, and nobody after', async () => {
        const name = newId()
        const answers = await Promise.all(Array.from({ length: 20 }, () => bus.takeOnce(name, 60_000)))
        expect(answers.filter((isFirst) => isFirst)).toHaveLength(1)
        expect(await bus.takeOnce(name, 60_000)).toBe(false)
        expect(await bus.takeOnce(newId(), 60_000)).toBe(true)
      })

      test('are free again after their time', async () => {
        const [short, long] = [newId(), newId()]
        expect(await bus.takeOnce(long, 60_000)).toBe(true)
        expect(await bus.takeOnce(short, 50)).toBe(true)
        await vi.waitFor(async () => expect(await bus.takeOnce(short, 50)).toBe(true), { timeout: 5_000, interval: 10 })
        expect(await bus.takeOnce(long, 60_000)).toBe(false)
      })
    })

    describe('what processes know of each other', () => {
      test('[R5] what each tells of a project stands until it tells something else or nothing, for this project alone', async () => {
        const [one, other] = [newId(), newId()]
        expect(await bus.report(project, one, '1')).toEqual(new Map([[one, '1']]))
        expect(await bus.report(project, other, '2')).toEqual(
          new Map([
            [one, '1'],
            [other, '2'],
          ]),
        )
        expect(await bus.report(newId<ProjectId>(), other, '3')).toEqual(new Map([[other, '3']]))
        expect(await bus.report(project, one, '4')).toEqual(
          new Map([
            [one, '4'],
            [other, '2'],
          ]),
        )
        expect(await bus.report(project, one, null)).toEqual(new Map([[other, '2']]))
        expect(await bus.report(project, one, null)).toEqual(new Map([[other, '2']]))
        expect(await bus.report(project, other, null)).toEqual(new Map())
      })

      test('[R5] a lease holds for its time, and can be ended', async () => {
        const [one, other, third] = [newId(), newId(), newId()]
        expect(await bus.renewLease(one, 60_000, [other])).toEqual({ wasAlive: false, gone: new Set([other]) })
        expect(await bus.renewLease(other, 50, [one, third])).toEqual({ wasAlive: false, gone: new Set([third]) })
        await vi.waitFor(async () => expect((await bus.renewLease(one, 60_000, [other])).gone).toEqual(new Set([other])), {
          timeout: 5_000,
          interval: 10,
        })
        expect(await bus.renewLease(other, 60_000, [])).toEqual({ wasAlive: false, gone: new Set() })
        expect(await bus.renewLease(other, 0, [one])).toEqual({ wasAlive: true, gone: new Set() })
        expect(await bus.renewLease(one, 60_000, [other])).toEqual({ wasAlive: true, gone: new Set([other]) })
      })

      test('[R8] of many who change a key with the version that they read, one succeeds; a tombstone is read too', async () => {
        expect(await bus.storedLatest(project, 'k')).toBeNull()
        const race = async (version: number, data: unknown) => {
          const replies = await Promise.all(Array.from({ length: 10 }, () => bus.publish(project, [latest('k', data, version)])))
          return replies.filter(({ results }) => results[0]?.kind === 'versioned').length
        }
        expect(await race(1, { n: 1 })).toBe(1)
        expect(await bus.storedLatest(project, 'k')).toMatchObject({ key: 'k', version: 1, body: '{"data":{"n":1}}' })
        expect(await race(2, null)).toBe(1)
        expect(await bus.storedLatest(project, 'k')).toMatchObject({ key: 'k', version: 2, body: TOMBSTONE_BODY })
        expect(await race(3, { n: 3 })).toBe(1)
      })
    })

    test('a project nobody published in has an epoch that stays', async () => {
      const head = await bus.head(project)
      expect(head).toEqual({ epoch: expect.stringMatching(/^[0-9a-z]{8,32}$/), seq: 0, id: '', n: 0 })
      expect(await bus.latest(project)).toEqual({ head, latest: [] })
      expect((await bus.publish(project, [event()])).epoch).toBe(head.epoch)
      expect((await bus.head(project)).epoch).toBe(head.epoch)
    })
  })
}
