import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ProjectId } from '../../src/ids.js'
import { JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL } from '../../src/protocol/version.js'
import { eventItem, LiveFixture, latestItem } from './live-fixture.js'

describe('sessions of both codecs', () => {
  let fixture: LiveFixture
  let project: ProjectId
  beforeEach(async () => {
    fixture = await LiveFixture.open()
    project = fixture.project({ ana: 'analyst' })
  })
  afterEach(() => fixture.close())

  const signIn = (subprotocol: string) => fixture.signIn('ana', {}, subprotocol)

  test('[C1] hear the same, each in its own frames', async () => {
    const [json, msgpack] = [await signIn(JSON_SUBPROTOCOL), await signIn(MSGPACK_SUBPROTOCOL)]
    const [one, other] = [await json.joined(project), await msgpack.joined(project)]
    expect({ ...other, ref: 0 }).toEqual({ ...one, ref: 0 })
    await fixture.publish(
      project,
      eventItem('demo.event', { n: 1.5, text: 'grüße', list: [null, true] }, 'ana'),
      latestItem('k', 1, { n: 2 ** 40 }),
    )
    expect(await msgpack.next('deliver')).toEqual(await json.next('deliver'))
    const { position } = one
    const [resumed, alsoResumed] = [await json.joined(project, position), await msgpack.joined(project, position)]
    expect(resumed).toMatchObject({ mode: 'resumed', events: [{ seq: 1, data: { text: 'grüße' } }] })
    expect({ ...alsoResumed, ref: 0 }).toEqual({ ...resumed, ref: 0 })
    for (const client of [json, msgpack]) {
      client.send({ type: 'salute', ref: 9 })
      expect(await client.next('error')).toMatchObject({ ref: 9, code: 'UNKNOWN_TYPE' })
    }
  })

  test('[C6] are malformed in the frames of the other', async () => {
    const [json, msgpack] = [await signIn(JSON_SUBPROTOCOL), await signIn(MSGPACK_SUBPROTOCOL)]
    json.raw(Buffer.from([0x81, 0xa4, 0x74, 0x79, 0x70, 0x65, 0x01]))
    expect(await json.next('error')).toMatchObject({ code: 'MALFORMED', ref: null })
    msgpack.raw('{"type":"leave","ref":6,"project":"p"}')
    expect(await msgpack.next('error')).toMatchObject({ code: 'MALFORMED', ref: null })
  })

  test.each([
    ['is no MessagePack', [0xc1]],
    ['says it is longer than it is', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['is nested too deep', Array(17).fill(0x91)],
    ['has a key that is a number', [0x81, 0x01, 0x01]],
    ['is no map', [0x93, 1, 2, 3]],
  ])('[C6] MessagePack that %s is malformed', async (_, bytes) => {
    const client = await signIn(MSGPACK_SUBPROTOCOL)
    client.raw(Buffer.from(bytes))
    expect(await client.next('error')).toMatchObject({ code: 'MALFORMED', ref: null })
    await client.sync()
  })

  test('[B3] an event is encoded once per codec, however many hear it; a flush is one frame per codec', async () => {
    const clients = []
    for (let count = 0; count < 40; count++) clients.push(await signIn(count % 2 === 0 ? JSON_SUBPROTOCOL : MSGPACK_SUBPROTOCOL))
    for (const client of clients) await client.joined(project)
    const before = { ...fixture.live.counters }
    for (let round = 0; round < 5; round++) {
      await fixture.publish(project, eventItem(), eventItem(), latestItem('k', round + 1, { round }))
      for (const client of clients) await client.next('deliver')
    }
    const { encodings, flushes, frames } = fixture.live.counters
    expect(encodings - before.encodings).toBe(5 * 3 * 2)
    expect(flushes - before.flushes).toBe(5)
    expect(frames - before.frames).toBe(5 * 2)
    // Who resumes gets what is encoded already.
    const { epoch } = await fixture.bus.head(project)
    for (const client of clients) expect((await client.joined(project, { epoch, seq: 0, id: '' })).events).toHaveLength(10)
    expect(fixture.live.counters.encodings).toBe(encodings)
  })

  test('[B3] nothing is encoded for a codec that nobody speaks', async () => {
    const [json, msgpack] = [await signIn(JSON_SUBPROTOCOL), await signIn(MSGPACK_SUBPROTOCOL)]
    await json.joined(project)
    await msgpack.joined(project)
    msgpack.send({ type: 'leave', ref: 100, project })
    await msgpack.next('left')
    const before = { ...fixture.live.counters }
    await fixture.publish(project, eventItem())
    await json.next('deliver')
    expect(fixture.live.counters.encodings - before.encodings).toBe(1)
    expect(fixture.live.counters.frames - before.frames).toBe(1)
  })
})
