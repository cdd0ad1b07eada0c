import { describe, expect, test } from 'vitest'
import { settle } from './fake-clock.js'
import { MemoryFixture } from './memory-fixture.js'

describe('a drain', () => {
  test('[D10] tells every session at once when to go, spread over 70 % of the time, and refuses new ones', async () => {
    const fixture = new MemoryFixture()
    const clients = []
    for (let count = 0; count < 100; count++) clients.push(await fixture.signIn('ana'))
    expect(fixture.live.isReady).toBe(true)
    const deadlineAt = new Date(fixture.clock.today() + 20_000).toISOString()
    void fixture.live.drain()
    expect(fixture.live.isReady).toBe(false)
    const times = clients
      .map((client) => client.next('goaway'))
      .map((goaway) => {
        expect(goaway.deadlineAt).toBe(deadlineAt)
        return goaway.reconnectAfterMs
      })
    expect(Math.min(...times)).toBe(0)
    expect(Math.max(...times)).toBeGreaterThan(13_000)
    expect(Math.max(...times)).toBeLessThanOrEqual(14_000)
    for (let second = 0; second < 14; second++) {
      const due = times.filter((ms) => ms >= second * 1_000 && ms < (second + 1) * 1_000)
      expect(due.length, `of 100 in second ${second}`).toBeGreaterThan(4)
      expect(due.length).toBeLessThan(11)
    }
    expect(fixture.transport.connect()).toMatchObject({ status: 503, code: 'DRAINING' })
  })

  test('[D10] goes on serving who is still there, and ends with the last of them', async () => {
    const fixture = new MemoryFixture()
    const project = fixture.project()
    const [ana, ben] = [await fixture.joined('ana', project), await fixture.joined('ben', project)]
    let isDrained = false
    void fixture.live.drain().then(() => {
      isDrained = true
    })
    for (const client of [ana, ben]) client.next('goaway')
    await fixture.publish(project)
    for (const client of [ana, ben]) client.next('deliver')
    ana.socket.close(1000)
    await settle()
    expect(isDrained).toBe(false)
    ben.socket.close(1000)
    await settle()
    expect(isDrained).toBe(true)
    await fixture.live.stop()
    await fixture.clock.advance(0)
    // Of the grace of projects nothing is left either.
    expect(fixture.clock.pending).toBe(0)
  })

  test('[D10] ends at the deadline; the stop that follows closes with 4000 who has not gone', async () => {
    const fixture = new MemoryFixture()
    const ana = await fixture.signIn('ana')
    let isDrained = false
    void fixture.live.drain().then(() => {
      isDrained = true
    })
    await fixture.clock.advance(19_999)
    expect([isDrained, ana.socket.isOpen]).toEqual([false, true])
    await fixture.clock.advance(1)
    expect(isDrained).toBe(true)
    await fixture.live.stop()
    expect(ana.socket.closedWith).toBe(4000)
    expect(fixture.clock.pending).toBe(0)
  })

  test('[D10] sends away who was about to say hello, too, and is over at once where nobody is', async () => {
    const fixture = new MemoryFixture()
    const late = fixture.connect()
    void fixture.live.drain()
    await fixture.clock.advance(3_000)
    late.send({ type: 'hello', token: fixture.token('ana') })
    await settle()
    expect(late.take().map(({ type }) => type)).toEqual(['welcome', 'goaway'])
    await new MemoryFixture().live.drain()
  })

  test('[D10] is cut short by a stop', async () => {
    const fixture = new MemoryFixture()
    const ana = await fixture.signIn('ana')
    const drained = fixture.live.drain()
    await fixture.live.stop()
    await drained
    expect(ana.socket.closedWith).toBe(4000)
    expect(fixture.clock.pending).toBe(0)
  })
})
