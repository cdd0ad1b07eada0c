import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { SESSION_COOKIE } from '../../src/sessions/auth.js'
import { eventItem, LiveFixture, ORIGIN } from './live-fixture.js'
import { ShiftedClock } from './shifted-clock.js'

const heartbeat = { intervalMs: 100, timeoutMs: 400 }
/** For sessions that must not time out, however slow the machine is. */
const patient = { intervalMs: 100, timeoutMs: 60_000 }

describe('the sweep', () => {
  let fixture: LiveFixture
  afterEach(() => fixture.close())

  test('[C4] closes with 4004 who has not said hello, and nobody who has', async () => {
    fixture = await LiveFixture.open({ helloTimeoutMs: 100, sweepMs: 10 })
    const client = await fixture.signIn('ana')
    const silent = await fixture.connect()
    await silent.expectClose(4004)
    await client.sync()
  })

  test('[C7] pings a silent session and closes it with 4002 when nothing follows', async () => {
    fixture = await LiveFixture.open({ heartbeat, sweepMs: 10 })
    const startedAt = performance.now()
    const client = await fixture.signIn('ana')
    await client.next('ping')
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(heartbeat.intervalMs)
    await client.expectClose(4002)
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(heartbeat.intervalMs + heartbeat.timeoutMs)
    expect(client.received.length, 'one per interval, not one per sweep').toBeLessThanOrEqual(heartbeat.timeoutMs / heartbeat.intervalMs)
  })

  test('[C7] goes on as long as pongs come', async () => {
    fixture = await LiveFixture.open({ heartbeat: patient, sweepMs: 10 })
    const client = await fixture.signIn('ana')
    for (let count = 0; count < 3; count++) client.send({ type: 'pong', at: (await client.next('ping')).at })
    await client.sync()
  })

  test('[C7] pings also whom it sends to but never hears from, and whom it hears but has nothing to send to', async () => {
    fixture = await LiveFixture.open({ heartbeat: patient, sweepMs: 10 })
    const project = fixture.project({ ana: 'analyst' })
    const [listener, talker] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    await listener.joined(project)
    const stop = setInterval(() => {
      void fixture.publish(project, eventItem())
      talker.send({ type: 'pong', at: '' })
    }, 20)
    await listener.find('deliver')
    await talker.find('ping')
    listener.received.length = 0
    await Promise.all([listener.find('ping'), talker.find('ping')])
    clearInterval(stop)
  })

  test('[C9] the end of a credential ends the session with 4005', async () => {
    const clock = new ShiftedClock()
    fixture = await LiveFixture.open({ sweepMs: 10, clock })
    const expiresAt = Date.now() + 3_600_000
    fixture.cookies.set('secret', { user: { id: 'ana', name: 'Ana' }, admin: false, projects: {}, publish: [], expiresAt, credential: 'c' })
    const client = await fixture.connect({ origin: ORIGIN, cookie: `${SESSION_COOKIE}=secret` })
    client.send({ type: 'hello' })
    expect((await client.next('welcome')).tokenExpiresAt).toBe(new Date(expiresAt).toISOString())
    clock.shift(3_600_000)
    expect(await client.find('error')).toMatchObject({ code: 'TOKEN_EXPIRED' })
    await client.expectClose(4005)
  })
})

describe('stopping', () => {
  test('closes every session with 4000 and leaves no socket behind', async () => {
    const fixture = await LiveFixture.open()
    const [ana, silent] = [await fixture.signIn('ana'), await fixture.connect()]
    const stopped = fixture.live.stop()
    await Promise.all([ana.expectClose(4000), silent.expectClose(4000)])
    await stopped
    await fixture.close()
  })

  test('takes no new session, and cuts who does not answer the close frame', async () => {
    const fixture = await LiveFixture.open()
    const ana = await fixture.signIn('ana')
    ana.socket.pause()
    const stopped = fixture.live.stop()
    // While it waits for the others it is no place for new ones any more.
    await expect(fixture.connect()).rejects.toThrow('503')
    await stopped
    ana.socket.resume()
    await once(ana.socket, 'close')
    await fixture.close()
  })
})
