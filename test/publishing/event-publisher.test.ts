import { beforeEach, describe, expect, test } from 'vitest'
import { MAX_NAME_BYTES, MAX_TYPE_BYTES } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import type { AppError } from '../../src/errors.js'
import { type JobId, newId, type ProjectId } from '../../src/ids.js'
import { EVENT_TYPES, LATEST_TYPES } from '../../src/protocol/events.js'
import type { Publication } from '../../src/protocol/messages.js'
import {
  MAX_DATA_DEPTH,
  MAX_EVENT_DATA_BYTES,
  MAX_ID_CHARS,
  MAX_LATEST_DATA_BYTES,
  MAX_PUBLICATIONS,
} from '../../src/protocol/publications.js'
import type { JobView } from '../../src/protocol/views.js'
import { EventPublisher, type Publisher } from '../../src/publishing/event-publisher.js'
import { Listener } from '../bus/bus-contract.js'

const FEED: Publisher = { user: { id: 'feed "1"', name: 'Feed' }, admin: false, projects: {}, publish: '*' }

describe('publishing', () => {
  let bus: MemoryBus
  let publisher: EventPublisher
  let project: ProjectId
  let listener: Listener
  let ownJobs: Set<JobId>

  beforeEach(async () => {
    bus = new MemoryBus()
    ownJobs = new Set()
    project = newId<ProjectId>()
    listener = new Listener()
    await bus.subscribe(project, listener)
    publisher = new EventPublisher({
      bus,
      mayPublish: async (who, asked) => asked === project && who.publish === '*',
      findJobs: async (ids) => new Set(ids.filter((id) => ownJobs.has(id))),
    })
  })

  const publish = (...events: readonly unknown[]) => publisher.publish({ publisher: FEED, project, events })
  const refusal = (...events: readonly unknown[]) =>
    publish(...events).then(
      () => null,
      (error: AppError) => error,
    )
  const data = (bytes: number) => ({ text: 'x'.repeat(bytes - '{"text":""}'.length) })
  const jobOf = (id: string, changes: Partial<JobView> = {}): JobView => ({
    id,
    project,
    kind: 'import',
    state: 'running',
    dryRun: false,
    ruleSet: null,
    phase: 'reading',
    processed: 5,
    total: 10,
    matched: 0,
    suggested: 0,
    breaks: 0,
    percent: 50,
    rowsPerSecond: null,
    etaMs: null,
    controlTotals: null,
    notices: [],
    resultHash: null,
    error: null,
    createdBy: null,
    createdAt: '2026-01-02T03:04:05.678Z',
    startedAt: null,
    endedAt: null,
    version: 3,
    ...changes,
  })

  test('[P1] results stand in the order of the publications and say what became of each', async () => {
    const { epoch, results } = await publish(
      { type: 'order.paid', data: { no: 1 }, id: 'a' },
      { type: 'order.paid', data: { no: 2 } },
      { type: 'order.paid', data: { no: 3 }, id: 'a' },
      { type: 'stock.level', data: { left: 3 }, key: 'stock/1' },
      { type: 'stock.level', data: { left: 2 }, key: 'stock/1', version: 9 },
      { type: 'stock.level', data: { left: 4 }, key: 'stock/1', version: 9 },
      { type: 'stock.level', data: null, key: 'stock/1' },
    )
    expect(epoch).toBe((await bus.head(project)).epoch)
    expect(results).toEqual([
      { id: 'a', seq: 1 },
      { id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/), seq: 2 },
      { id: 'a', seq: 1, duplicate: true },
      { key: 'stock/1', version: 1 },
      { key: 'stock/1', version: 9 },
      { key: 'stock/1', version: 9, refused: true },
      { key: 'stock/1', version: 10 },
    ])
    expect(listener.messages).toHaveLength(1)
    expect(listener.events.map(({ body }) => JSON.parse(body).data)).toEqual([{ no: 1 }, { no: 2 }])
    expect((await bus.latest(project)).latest).toEqual([])
  })

  test('[P2] the actor is who publishes, whatever the data says; the trace is the request', async () => {
    const event = { type: 'order.paid', data: { actor: 'ceo' }, actor: 'ceo', trace: 'mine' }
    await publish(event)
    await publisher.publish({ publisher: FEED, project, events: [event], trace: 'request-1' })
    expect(listener.events.map(({ body }) => JSON.parse(body))).toEqual([
      { actor: FEED.user.id, data: { actor: 'ceo' } },
      { actor: FEED.user.id, data: { actor: 'ceo' }, trace: 'request-1' },
    ])
  })

  test('who may not publish is told so, the same for what is no project', async () => {
    const events = [{ type: 'order.paid', data: {} }]
    for (const [who, where] of [
      [{ ...FEED, publish: [] }, project],
      [FEED, newId()],
      [FEED, 'nonsense'],
      [FEED, ''],
    ] as const) {
      await expect(publisher.publish({ publisher: who, project: where, events })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    }
    await publisher.publish({ publisher: FEED, project: project.toUpperCase(), events })
    expect(listener.events).toHaveLength(1)
  })

  test('[P5] every bad one is named, and none of the good ones is published', async () => {
    const error = await refusal(
      { type: 'order.paid', data: {}, id: 'good' },
      { type: 'order', data: {} },
      'order.paid',
      { type: 'order.paid', data: [] },
      { type: 'job.started', data: { job: { id: 'x' } } },
      { type: 'order.paid', data: {}, key: 'cache/x' },
      { type: 'order.paid', data: data(MAX_EVENT_DATA_BYTES + 1) },
      { type: 'stock.level', data: {}, key: 'good' },
    )
    expect(error?.code).toBe('INVALID')
    const items = [
      { index: 1, path: 'events[1].type' },
      { index: 2, path: 'events[2]' },
      { index: 3, path: 'events[3].data' },
      { index: 4, path: 'events[4].data.job.project' },
      { index: 5, path: 'events[5].key' },
      { index: 6, path: 'events[6].data' },
    ].map((item) => ({ ...item, message: expect.any(String) }))
    expect(error?.details).toEqual({ items })
    expect(error?.problems).toEqual(items)
    expect(error?.message).toMatch(/^events\[1\]\.type must be .*\(and 5 more\)$/)
    expect(await bus.head(project)).toMatchObject({ seq: 0, n: 0 })
  })

  test('[P5] faults of one kind have its code, of several INVALID', async () => {
    const [reserved, large, wrong] = [
      { type: 'match.created', data: {} },
      { type: 'order.paid', data: data(MAX_EVENT_DATA_BYTES + 1) },
      { type: 'A', data: {} },
    ]
    expect((await refusal(reserved, reserved))?.code).toBe('RESERVED_TYPE')
    expect((await refusal(large, large))?.code).toBe('EVENT_TOO_LARGE')
    expect((await refusal(wrong))?.code).toBe('INVALID')
    expect((await refusal(reserved, large))?.code).toBe('INVALID')
  })

  const deep = (levels: number): Record<string, unknown> => (levels === 1 ? {} : { deeper: deep(levels - 1) })
  const order = (fields: object) => [{ type: 'order.paid', data: {}, ...fields }]
  const stock = (fields: object) => [{ type: 'stock.level', data: {}, key: 'k', ...fields }]
  const limits: readonly (readonly [string, string, (extra: 0 | 1) => readonly unknown[]])[] = [
    ['[P1] 1,000 publications', 'INVALID', (extra) => Array.from({ length: MAX_PUBLICATIONS + extra }, () => order({})[0])],
    ['[P1] one publication', 'INVALID', (extra) => order({}).slice(extra)],
    ['[P1] 32 KiB of data', 'EVENT_TOO_LARGE', (extra) => order({ data: data(MAX_EVENT_DATA_BYTES + extra) })],
    [
      '[P1] 32 KiB of data counted in UTF-8',
      'EVENT_TOO_LARGE',
      (extra) => order({ data: { t: 'é'.repeat((MAX_EVENT_DATA_BYTES - 8) / 2) + 'x'.repeat(extra) } }),
    ],
    ['[D4] 8 KiB of a latest value', 'EVENT_TOO_LARGE', (extra) => stock({ data: data(MAX_LATEST_DATA_BYTES + extra) })],
    ['[P1] an id of 128 characters', 'INVALID', (extra) => order({ id: 'x'.repeat(MAX_ID_CHARS + extra) })],
    [
      '[P1] an id of 128 characters outside the first plane',
      'INVALID',
      (extra) => order({ id: '🧾'.repeat(MAX_ID_CHARS) + 'x'.repeat(extra) }),
    ],
    ['a key, in bytes', 'INVALID', (extra) => stock({ key: 'é'.repeat(MAX_NAME_BYTES / 2) + 'x'.repeat(extra) })],
    ['the name of a type', 'INVALID', (extra) => order({ type: `a.${'b'.repeat(MAX_TYPE_BYTES - 2 + extra)}` })],
    ['[C6] the nesting of data, as deep as a frame can carry it', 'INVALID', (extra) => order({ data: deep(MAX_DATA_DEPTH + extra) })],
    ['a version', 'INVALID', (extra) => stock({ version: Number.MAX_SAFE_INTEGER + extra })],
    ['a version of 1', 'INVALID', (extra) => stock({ version: 1 - extra })],
  ]
  test.each(limits)('%s may reach its limit and no more', async (_, code, make) => {
    expect(await refusal(...make(1))).toMatchObject({ code })
    expect((await bus.head(project)).n).toBe(0)
    expect(await refusal(...make(0))).toBeNull()
    expect((await bus.head(project)).n).toBe(1)
  })

  test('the largest event of the longest name and request fits the bus', async () => {
    const user = { id: '"'.repeat(128), name: 'x' }
    const events = order({ data: data(MAX_EVENT_DATA_BYTES), id: '🧾'.repeat(128) })
    await publisher.publish({ publisher: { ...FEED, user }, project, events, trace: 'x'.repeat(128) })
    await publisher.publish({
      publisher: { ...FEED, user: { id: '🧾'.repeat(128), name: 'x' } },
      project,
      events: order({ data: data(MAX_EVENT_DATA_BYTES) }),
    })
    expect(listener.events).toHaveLength(2)
  })

  test('data so deep that it cannot be written is refused like any that is too deep', async () => {
    let bottomless: Record<string, unknown> = {}
    for (let level = 0; level < 200_000; level++) bottomless = { deeper: bottomless }
    expect(await refusal(...order({ data: bottomless }))).toMatchObject({ code: 'INVALID', problems: [{ path: 'events[0].data' }] })
  })

  const wrong: readonly (readonly [string, unknown])[] = [
    ['events[0]', null],
    ['events[0]', []],
    ['events[0].type', { data: {} }],
    ['events[0].type', { type: 7, data: {} }],
    ['events[0].data', { type: 'order.paid' }],
    ['events[0].data', { type: 'order.paid', data: null }],
    ['events[0].data', { type: 'order.paid', data: 'text' }],
    ['events[0].data', { type: 'stock.level', key: 'k' }],
    ['events[0].data', { type: 'stock.level', key: 'k', data: [1] }],
    ['events[0].id', { type: 'order.paid', data: {}, id: '' }],
    ['events[0].id', { type: 'order.paid', data: {}, id: 7 }],
    ['events[0].id', { type: 'order.paid', data: {}, id: null }],
    ['events[0].id', { type: 'order.paid', data: {}, id: 'a\nb' }],
    ['events[0].id', { type: 'order.paid', data: {}, id: 'a\u007f' }],
    ['events[0].id', { type: 'order.paid', data: {}, id: 'half \ud83e' }],
    ['events[0].id', { type: 'stock.level', data: {}, key: 'k', id: 'a' }],
    ['events[0].key', { type: 'stock.level', data: {}, key: '' }],
    ['events[0].key', { type: 'stock.level', data: {}, key: null }],
    ['events[0].key', { type: 'stock.level', data: {}, key: 'a\tb' }],
    ['events[0].version', { type: 'order.paid', data: {}, version: 1 }],
    ['events[0].version', { type: 'stock.level', data: {}, key: 'k', version: 1.5 }],
    ['events[0].version', { type: 'stock.level', data: {}, key: 'k', version: '1' }],
    ['events[0].version', { type: 'stock.level', data: {}, key: 'k', version: null }],
  ]
  test.each(wrong)('[P5] %s is named in %j', async (path, publication) => {
    expect(await refusal(publication)).toMatchObject({ code: 'INVALID', problems: [{ path }] })
  })

  describe('names', () => {
    test.each(['a.b', 'order.paid', 'order2.line_items.re_priced', 'job.archived', 'presence.seen', 'jobs.queued'])(
      '[P6] %s is a custom type',
      async (type) => {
        expect(await refusal({ type, data: {} })).toBeNull()
      },
    )

    test.each(['order', 'Order.paid', 'order.', '.paid', 'order..paid', 'order.2', 'or_der.paid', 'order.paid\n', 'order paid', '1.a', ''])(
      '[P6] "%s" is none',
      async (type) => {
        expect(await refusal({ type, data: {} })).toMatchObject({ code: 'INVALID', problems: [{ path: 'events[0].type' }] })
      },
    )

    test('[P6] every type of the server is reserved, also those of its future, as an event and as a latest value', async () => {
      const future = ['comment.added', 'comment.edited', 'comment.removed', 'cache.invalidated', 'presence', 'claim']
      const own = [...EVENT_TYPES, ...LATEST_TYPES, ...future]
      for (const type of own) {
        const isJob = type.startsWith('job.')
        const isProgress = type === 'job.progress'
        // A service's own jobs have these types, each in its one form; what that asks for is told below.
        if (!isJob || isProgress) expect(await refusal({ type, data: {} })).toMatchObject({ code: 'RESERVED_TYPE' })
        if (!isProgress) expect(await refusal({ type, data: {}, key: 'k' })).toMatchObject({ code: 'RESERVED_TYPE' })
      }
    })

    test.each(['presence/x', 'presence/count', 'claim/match/1', 'cache/jobs', 'cache/'])('[P6] the key %s is reserved', async (key) => {
      const problems = [{ path: 'events[0].key' }]
      expect(await refusal({ type: 'order.paid', data: {}, key })).toMatchObject({ code: 'RESERVED_TYPE', problems })
      expect(await refusal({ type: 'order.paid', data: null, key })).toMatchObject({ code: 'RESERVED_TYPE', problems })
    })

    test.each(['presence', 'presences/x', 'my/presence/x', 'cache', 'jobs/1', 'Cache/x'])('[P6] the key %s is free', async (key) => {
      expect(await refusal({ type: 'order.paid', data: {}, key })).toBeNull()
    })
  })

  describe('jobs of a service', () => {
    const started = (job: unknown): Publication => ({ type: 'job.started', data: { job } })
    const progress = (job: unknown, key: string): Publication => ({ type: 'job.progress', data: { job }, key })

    test('[P6] are told of as those of the server are', async () => {
      for (const id of ['nightly 2026-01-02', newId()]) {
        const { results } = await publish(
          started(jobOf(id)),
          progress(jobOf(id, { percent: 70 }), `job/${id}`),
          { type: 'job.completed', data: { job: jobOf(id, { state: 'completed', percent: 100 }) } },
          { type: 'job.progress', data: null, key: `job/${id}` },
          { type: 'report.page', data: { no: 1 }, key: `job/${id}` },
        )
        expect(results).toHaveLength(5)
      }
    })

    test('[P6] that the database knows belong to the server, also in capitals', async () => {
      const id = newId<JobId>()
      ownJobs.add(id)
      for (const name of [id, id.toUpperCase()]) {
        expect(await refusal(started(jobOf(name)))).toMatchObject({ code: 'RESERVED_TYPE', problems: [{ path: 'events[0].data.job.id' }] })
        for (const publication of [
          progress(jobOf(name), `job/${name}`),
          { type: 'job.progress', data: null, key: `job/${name}` },
          { type: 'report.page', data: {}, key: `job/${name}` },
          { type: 'report.page', data: null, key: `job/${name}` },
        ]) {
          expect(await refusal(started(jobOf('other')), publication)).toMatchObject({
            code: 'RESERVED_TYPE',
            problems: [{ index: 1, path: 'events[1].key' }],
          })
        }
      }
      expect(listener.messages).toEqual([])
    })

    test.each(['notices', 'controlTotals'])(
      '[P6] %s are judged up to the first that is none: half a million fit into a request',
      async (name) => {
        let looks = 0
        const entries = new Proxy(Array(500_000).fill({}), {
          get: (list, key) => {
            looks++
            return Reflect.get(list, key)
          },
        })
        const job = { ...jobOf('job 1'), [name]: entries }
        const { details } = (await refusal({ type: 'job.queued', data: { job } }))!
        expect(details?.items).toEqual([
          { index: 0, path: expect.stringContaining(`events[0].data.job.${name}.0.`), message: expect.any(String) },
        ])
        expect(looks).toBeLessThan(20)
      },
    )

    test('[P6] have the shape, the project and the key of a job', async () => {
      for (const [path, publication] of [
        ['data.job', started(undefined)],
        ['data.job', started('x')],
        ['data.job.percent', started(jobOf('x', { percent: 101 }))],
        ['data.job.project', started(jobOf('x', { project: newId() }))],
        ['data.job', progress(null, 'job/x')],
        ['key', progress(jobOf('x'), 'job/y')],
        ['key', progress(jobOf('x'), 'x')],
        ['key', { type: 'job.progress', data: null, key: 'x' }],
      ] as const) {
        expect(await refusal(publication)).toMatchObject({ code: 'INVALID', problems: [{ path: `events[0].${path}` }] })
      }
    })
  })
})
