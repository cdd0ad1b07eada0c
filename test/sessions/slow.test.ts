import { afterEach, describe, expect, test } from 'vitest'
import type { ProjectId } from '../../src/ids.js'
import { MSGPACK_SUBPROTOCOL } from '../../src/protocol/version.js'
import { eventItem, LiveFixture, latestItem, type TestClient } from './live-fixture.js'

let fixture: LiveFixture
let project: ProjectId
const open = async () => {
  fixture = await LiveFixture.open()
  project = fixture.project({ ana: 'analyst', ben: 'analyst' })
}
afterEach(() => fixture.close())

const pad = 'x'.repeat(30_000)
let published = 0
const publish = async (count = 20) => {
  await fixture.publish(project, ...Array.from({ length: count }, () => eventItem('demo.event', { n: ++published, pad })))
}

/** Publishes until `slow`, which does not read, is slow, while `quick` hears all of it. */
async function makeSlow(slow: TestClient, quick: TestClient): Promise<void> {
  slow.socket.pause()
  const before = fixture.live.census.slow
  // The kernel's buffers take some megabytes before anything waits in ours.
  while (fixture.live.census.slow === before) {
    await publish()
    await heardAll(quick)
  }
}

/** Waits until the client has heard what was published last. */
async function heardAll(client: TestClient): Promise<void> {
  let last = 0
  while (last < published) last = ((await client.next('deliver')).events.at(-1)?.data.n ?? last) as number
}

describe.each(['tallyroom.v1.json', MSGPACK_SUBPROTOCOL])('a slow session of %s', (subprotocol) => {
  test('[D6] gets no more news, is told to join again when it has drained, and misses and repeats nothing', async () => {
    await open()
    const [ana, ben] = [await fixture.signIn('ana', {}, subprotocol), await fixture.signIn('ben')]
    const { position } = await ana.joined(project)
    await ben.joined(project)
    await makeSlow(ana, ben)
    await fixture.publish(project, eventItem(), latestItem('k', 1, { n: 1 }))
    expect((await ben.next('deliver')).latest).toHaveLength(1)
    const { seq: head } = await fixture.bus.head(project)
    ana.socket.resume()
    const heard: number[] = []
    let since = position
    for (;;) {
      await ana.until(() => ana.received.length > 0)
      const message = ana.received.shift()!
      if (message.type === 'rejoin') {
        expect(message).toEqual({ type: 'rejoin', project, reason: 'lagged' })
        break
      }
      if (message.type !== 'deliver') throw new Error(`unexpected ${message.type}`)
      for (const { seq, id } of message.events) {
        heard.push(seq)
        since = { epoch: message.epoch, seq, id }
      }
    }
    expect(heard.length).toBeLessThan(head)
    const joined = await ana.joined(project, since)
    expect(joined.mode).toBe('resumed')
    expect(joined.latest).toMatchObject([{ key: 'k', version: 1 }])
    heard.push(...joined.events.map(({ seq }) => seq))
    while (heard.at(-1)! < head) heard.push(...(await ana.next('deliver')).events.map(({ seq }) => seq))
    expect(heard).toEqual(Array.from({ length: head }, (_, index) => index + 1))
  })
})

describe('a slow session', () => {
  test('[D6] that joins is answered when it has drained', async () => {
    await open()
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    const [second, third] = [fixture.project({ ana: 'analyst' }), fixture.project({ ana: 'analyst' })]
    for (const id of [project, second]) await ana.joined(id)
    await ben.joined(project)
    await makeSlow(ana, ben)
    const refs = [ana.join(second), ana.join(third)]
    await fixture.until(() => fixture.live.census.subscriptions === 3)
    await ben.sync()
    ana.socket.resume()
    // What it has begun to join again is not to be joined once more.
    expect(await ana.find('rejoin')).toEqual({ type: 'rejoin', project, reason: 'lagged' })
    expect(await ana.next('joined')).toMatchObject({ ref: refs[0], project: second })
    expect(await ana.next('joined')).toMatchObject({ ref: refs[1], project: third })
  })

  test('[D6] makes no difference to others', async () => {
    await open()
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    await ana.joined(project)
    await ben.joined(project)
    await makeSlow(ana, ben)
    const before = fixture.live.census.unsentBytes
    for (let round = 0; round < 20; round++) {
      await publish()
      await heardAll(ben)
    }
    expect(fixture.live.census.unsentBytes).toBe(before)
    expect(ana.closedWith).toBeNull()
  })
})
