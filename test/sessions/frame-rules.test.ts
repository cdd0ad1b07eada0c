import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LiveFixture } from './live-fixture.js'
import { StoppedClock } from './shifted-clock.js'

const nested = (depth: number) => `{"type":"leave","ref":1,"project":"p","deep":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`

describe('frames of a session', () => {
  let fixture: LiveFixture
  beforeEach(async () => {
    fixture = await LiveFixture.open()
  })
  afterEach(() => fixture.close())

  test.each([
    ['no object', '[1]', null],
    ['no JSON', '{"type":', null],
    ['a type that is no string', '{"type":1,"ref":2}', 2],
    ['no type', '{"ref":3}', 3],
    ['a field of the wrong type', '{"type":"join","ref":4,"project":5}', 4],
    ['a missing field', '{"type":"leave","ref":5}', 5],
    ['a ref that is no positive integer', '{"type":"leave","ref":0,"project":"p"}', null],
    ['a binary frame', Buffer.from('{"type":"leave","ref":6,"project":"p"}'), null],
  ])('[C6] %s is MALFORMED, with the ref that could be read', async (_, frame, ref) => {
    const client = await fixture.signIn('ana')
    client.raw(frame)
    expect(await client.next('error')).toMatchObject({ code: 'MALFORMED', ref, retryable: false })
    await client.sync()
  })

  test('[C6] nesting of 16 is read, of 17 is malformed', async () => {
    const client = await fixture.signIn('ana')
    client.raw(nested(16))
    expect(await client.next('left')).toMatchObject({ ref: 1 })
    client.raw(nested(17))
    expect(await client.next('error')).toMatchObject({ code: 'MALFORMED', ref: null })
  })

  test('[C6] brackets inside text are not nesting', async () => {
    const client = await fixture.signIn('ana')
    client.send({ type: 'leave', ref: 1, project: `${'{['.repeat(40)}"\\` })
    expect(await client.next('left')).toMatchObject({ ref: 1 })
  })

  test('[C6] the tenth malformed frame closes with 4501', async () => {
    const client = await fixture.signIn('ana')
    for (let count = 0; count < 9; count++) client.raw('{')
    await client.until(() => client.received.length === 9)
    await client.sync()
    client.raw('{')
    await client.expectClose(4501)
    expect(client.received).toHaveLength(10)
  })

  test('[C6] an unknown type is UNKNOWN_TYPE however often, unknown fields are ignored', async () => {
    const client = await fixture.signIn('ana')
    for (let ref = 1; ref <= 12; ref++) client.send({ type: 'salute', ref })
    for (let ref = 1; ref <= 12; ref++) expect(await client.next('error')).toMatchObject({ code: 'UNKNOWN_TYPE', ref })
    client.send({ type: 'leave', ref: 20, project: 'p', mood: 'good' })
    expect(await client.next('left')).toMatchObject({ ref: 20 })
  })

  test('[C6] a frame of 64 KiB is read', async () => {
    const client = await fixture.signIn('ana')
    const frame = { type: 'leave', ref: 1, project: 'p', pad: '' }
    const pad = 'x'.repeat(64 * 1024 - JSON.stringify(frame).length)
    client.send({ ...frame, pad })
    expect(await client.next('left')).toMatchObject({ ref: 1 })
  })

  test('[C6] a larger frame ends the connection', async () => {
    const client = await fixture.signIn('ana')
    client.raw('x'.repeat(64 * 1024 + 1))
    await client.until(() => client.closedWith !== null)
    expect([1006, 1009]).toContain(client.closedWith?.code)
  })
})

describe('the rate of frames', () => {
  test('[C8] joins that come too fast are RATE_LIMITED with a time to wait and have no effect', async () => {
    const clock = new StoppedClock()
    const fixture = await LiveFixture.open({ clock, frameRate: { perSecond: 20, burst: 3 } })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana')
    for (let count = 0; count < 3; count++) await ana.joined(project)
    const other = fixture.project({ ana: 'analyst' })
    const ref = ana.join(other)
    const error = await ana.next('error')
    expect(error).toMatchObject({ ref, code: 'RATE_LIMITED', retryable: true, retryAfterMs: 50 })
    clock.shift(error.retryAfterMs!)
    await ana.joined(other)
    await fixture.close()
  })

  test('[C8] so are publishes and refreshes; leaves and pongs are not counted', async () => {
    const fixture = await LiveFixture.open({ clock: new StoppedClock(), frameRate: { perSecond: 1, burst: 1 } })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana', { publish: '*' })
    for (let count = 0; count < 5; count++) ana.send({ type: 'pong', at: '' })
    await ana.sync()
    const publish = { type: 'publish', project, events: [{ type: 'demo.event', data: {} }] } as const
    ana.send({ ...publish, ref: 10 })
    expect(await ana.next('ack')).toMatchObject({ ref: 10 })
    ana.send({ ...publish, ref: 11 })
    expect(await ana.next('error')).toMatchObject({ ref: 11, code: 'RATE_LIMITED' })
    ana.send(publish)
    expect(await ana.next('error')).toMatchObject({ ref: null, code: 'RATE_LIMITED' })
    ana.send({ type: 'refresh', ref: 12, token: await fixture.token('ana') })
    expect(await ana.next('error')).toMatchObject({ ref: 12, code: 'RATE_LIMITED' })
    expect((await fixture.bus.head(project)).seq).toBe(1)
    await fixture.close()
  })

  test('[C8] without a limit nothing is counted', async () => {
    const fixture = await LiveFixture.open({ frameRate: null })
    const ana = await fixture.connect()
    ana.send({ type: 'hello', token: await fixture.token('ana') })
    expect((await ana.next('welcome')).limits.framesPerSecond).toBe(0)
    const project = fixture.project({ ana: 'analyst' })
    for (let count = 0; count < 300; count++) ana.join(project)
    for (let ref = 1; ref <= 300; ref++) expect(await ana.next('joined')).toMatchObject({ ref })
    await fixture.close()
  })

  test('[C8] the joins of a hello are not counted', async () => {
    const fixture = await LiveFixture.open({ frameRate: { perSecond: 1, burst: 1 } })
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.connect()
    const joins = Array.from({ length: 100 }, (_, index) => ({ ref: index + 1, project }))
    ana.send({ type: 'hello', token: await fixture.token('ana'), joins })
    await ana.next('welcome')
    for (let ref = 1; ref <= 100; ref++) expect(await ana.next('joined')).toMatchObject({ ref })
    await fixture.close()
  })
})
