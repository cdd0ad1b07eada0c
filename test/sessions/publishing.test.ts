import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ProjectId } from '../../src/ids.js'
import { MSGPACK_SUBPROTOCOL } from '../../src/protocol/version.js'
import { LiveFixture, type TestClient } from './live-fixture.js'

describe.each(['tallyroom.v1.json', MSGPACK_SUBPROTOCOL])('publishing over a session of %s', (subprotocol) => {
  let fixture: LiveFixture
  let project: ProjectId
  let feed: TestClient
  let ana: TestClient
  beforeEach(async () => {
    fixture = await LiveFixture.open()
    project = fixture.project({ ana: 'viewer' })
    feed = await fixture.signIn('feed', { publish: [project] }, subprotocol)
    ana = await fixture.signIn('ana')
    await ana.joined(project)
  })
  afterEach(() => fixture.close())

  test('[P2] needs no join, is acknowledged in order, and reaches who has joined', async () => {
    const events = [
      { type: 'order.paid', data: { n: 1 }, id: 'a' },
      { type: 'order.level', data: { n: 2 }, key: 'level' },
      { type: 'order.paid', data: { n: 3 } },
    ]
    feed.send({ type: 'publish', ref: 7, project, events })
    const { epoch } = await fixture.bus.head(project)
    const ack = await feed.next('ack')
    expect(ack).toEqual({
      type: 'ack',
      ref: 7,
      epoch,
      results: [
        { id: 'a', seq: 1 },
        { key: 'level', version: 1 },
        { id: expect.any(String), seq: 2 },
      ],
    })
    expect(await ana.next('deliver')).toMatchObject({
      events: [
        { seq: 1, id: 'a', actor: 'feed', data: { n: 1 } },
        { seq: 2, data: { n: 3 } },
      ],
      latest: [{ key: 'level', version: 1, data: { n: 2 } }],
    })
  })

  test('[P3] an id that was seen before publishes nothing and answers the first result', async () => {
    const publish = { type: 'publish', project, events: [{ type: 'order.paid', data: {}, id: 'a' }] }
    feed.send({ ...publish, ref: 1 })
    feed.send({ ...publish, ref: 2 })
    expect((await feed.next('ack')).results).toEqual([{ id: 'a', seq: 1 }])
    expect((await feed.next('ack')).results).toEqual([{ id: 'a', seq: 1, duplicate: true }])
  })

  test('[D3] who has joined hears its own events', async () => {
    const ben = await fixture.signIn('ben', { publish: '*', projects: { [project]: 'viewer' } }, subprotocol)
    const own = fixture.project({ ben: 'viewer' })
    await ben.joined(own)
    ben.send({ type: 'publish', project: own, events: [{ type: 'order.paid', data: {} }] })
    expect((await ben.next('deliver')).events).toMatchObject([{ seq: 1, actor: 'ben' }])
  })

  test('§2 without a ref there is no ack, but an error is told', async () => {
    feed.send({ type: 'publish', project, events: [{ type: 'order.paid', data: {} }] })
    await ana.next('deliver')
    feed.send({ type: 'publish', project, events: [] })
    expect(await feed.next('error')).toMatchObject({ ref: null, code: 'INVALID' })
  })

  test('§2 it needs the permission, and does not say whether the project exists', async () => {
    const publish = { type: 'publish', events: [{ type: 'order.paid', data: {} }] }
    const refusals = []
    for (const [index, name] of [fixture.project(), '01900000-0000-7000-8000-000000000000', 'nothing'].entries()) {
      feed.send({ ...publish, ref: index + 1, project: name })
      const { requestId: _, ...refusal } = await feed.next('error')
      expect(refusal).toMatchObject({ ref: index + 1, code: 'FORBIDDEN' })
      refusals.push(refusal.code)
    }
    ana.send({ ...publish, ref: 4, project })
    expect(await ana.next('error')).toMatchObject({ ref: 4, code: 'FORBIDDEN' })
  })

  test('[P5] is all or nothing, and every bad one is named', async () => {
    const events = [{ type: 'order.paid', data: {} }, { type: 'Order', data: {} }, { type: 'order.paid', data: 3 }, 'event']
    feed.send({ type: 'publish', ref: 9, project, events })
    const error = await feed.next('error')
    expect(error).toMatchObject({ ref: 9, code: 'INVALID', retryable: false })
    expect((error.details!.items as { readonly index: number }[]).map(({ index }) => index)).toEqual([1, 2, 3])
    expect((await fixture.bus.head(project)).seq).toBe(0)
    expect(feed.closedWith).toBeNull()
  })

  test('[P6] the names of the server are its own', async () => {
    feed.send({ type: 'publish', ref: 1, project, events: [{ type: 'member.changed', data: {} }] })
    expect(await feed.next('error')).toMatchObject({ code: 'RESERVED_TYPE' })
    feed.send({ type: 'publish', ref: 2, project, events: [{ type: 'order.paid', data: {}, key: 'presence/x' }] })
    expect(await feed.next('error')).toMatchObject({ code: 'RESERVED_TYPE' })
  })

  test('[P1] an event of more than 32 KiB is too large', async () => {
    feed.send({ type: 'publish', ref: 1, project, events: [{ type: 'order.paid', data: { pad: 'x'.repeat(32 * 1024) } }] })
    expect(await feed.next('error')).toMatchObject({ ref: 1, code: 'EVENT_TOO_LARGE' })
  })

  test('[C6] what is no list of events is malformed', async () => {
    for (const [ref, events] of [
      [1, null],
      [2, {}],
      [3, 'x'],
    ] as const) {
      feed.send({ type: 'publish', ref, project, events })
      expect(await feed.next('error')).toMatchObject({ ref, code: 'MALFORMED' })
    }
  })
})

test('[D1] what a session publishes in a project keeps its order, however long each takes', async () => {
  const answers: (() => void)[] = []
  const asked: string[] = []
  const fixture = await LiveFixture.open({
    publish: ({ events }) => {
      asked.push((events[0] as { readonly id: string }).id)
      return new Promise((resolve) => answers.push(() => resolve({ epoch: 'e', results: [] })))
    },
  })
  const feed = await fixture.signIn('feed')
  for (const [index, id] of ['a', 'b', 'c'].entries())
    feed.send({ type: 'publish', ref: index + 1, project: 'p', events: [{ type: 'order.paid', data: {}, id }] })
  feed.send({ type: 'publish', ref: 4, project: 'q', events: [{ type: 'order.paid', data: {}, id: 'other project' }] })
  await fixture.until(() => asked.length === 2)
  expect(asked).toEqual(['a', 'other project'])
  answers[1]!()
  expect((await feed.next('ack')).ref).toBe(4)
  for (let ref = 1; ref <= 3; ref++) {
    await fixture.until(() => answers.length === ref + 1)
    answers[ref === 1 ? 0 : ref]!()
    expect((await feed.next('ack')).ref).toBe(ref)
  }
  expect(asked).toEqual(['a', 'other project', 'b', 'c'])
  await fixture.close()
})
