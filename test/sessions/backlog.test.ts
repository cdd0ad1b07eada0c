import { beforeEach, describe, expect, test } from 'vitest'
import type { ProjectId } from '../../src/ids.js'
import { latestItem } from './live-fixture.js'
import { type MemoryClient, MemoryFixture } from './memory-fixture.js'

const KB = 1024

describe('a session that does not read', () => {
  let fixture: MemoryFixture
  let project: ProjectId
  let ana: MemoryClient

  beforeEach(async () => {
    fixture = new MemoryFixture()
    project = fixture.project()
    ana = await fixture.joined('ana', project)
    ana.socket.isReading = false
  })

  /** More than it may leave unread, and one message more. */
  const makeSlow = async () => {
    while (fixture.live.census.slow === 0) await fixture.publish(project, 1, 30_000)
  }
  const readAll = async () => {
    ana.socket.isReading = true
    ana.socket.read()
    await fixture.clock.advance(0)
  }

  test('[D6] is slow above 64 KiB, and gets no news of any project then, however many come', async () => {
    const second = fixture.project()
    ana.send({ type: 'join', ref: 2, project: second })
    await readAll()
    ana.socket.isReading = false
    await fixture.publish(project, 2, 32_000)
    await fixture.publish(project, 1, 1_000)
    expect([fixture.live.census.slow, ana.socket.unsentBytes > 64 * KB]).toEqual([0, true])
    await fixture.publish(second)
    expect(fixture.live.census.slow).toBe(1)
    const before = ana.socket.unsentBytes
    for (let round = 0; round < 100; round++) for (const id of [project, second]) await fixture.publish(id, 1, 30_000)
    expect(ana.socket.unsentBytes).toBe(before)
  })

  test('[D6] that joins and does not read is not waited for with all that goes meanwhile: it joins again', async () => {
    for (const [keys, types] of [
      [1_000, ['joined', 'deliver']],
      [1_001, ['joined', 'rejoin']],
    ] as const) {
      const ben = await fixture.signIn('ben')
      ben.socket.isReading = false
      ben.send({ type: 'join', ref: 1, project })
      await fixture.clock.advance(20)
      for (let key = 0; key < keys; key += 500) {
        const items = Array.from({ length: Math.min(500, keys - key) }, (_, index) => latestItem(`${keys}/${key + index}`, 1, null))
        await fixture.bus.publish(project, items)
        await fixture.clock.advance(20)
      }
      await fixture.publish(project)
      ben.socket.isReading = true
      ben.socket.read()
      await fixture.clock.advance(20)
      expect(ben.types).toEqual(types)
    }
  })

  test('[D6] is told to join each of its projects again when it has drained, and hears nothing before it does', async () => {
    const second = fixture.project()
    ana.send({ type: 'join', ref: 2, project: second })
    await readAll()
    ana.take()
    ana.socket.isReading = false
    await makeSlow()
    ana.socket.read(100_000)
    expect(ana.types).not.toContain('rejoin')
    await readAll()
    await fixture.publish(project)
    await fixture.publish(second)
    expect(ana.take().filter(({ type }) => type !== 'deliver')).toEqual([
      { type: 'rejoin', project, reason: 'lagged' },
      { type: 'rejoin', project: second, reason: 'lagged' },
    ])
    ana.send({ type: 'join', ref: 3, project })
    await fixture.clock.advance(0)
    ana.next('joined')
    await fixture.publish(project)
    ana.next('deliver')
    expect(ana.received).toEqual([])
  })

  test('[D6] gets what is no news afterwards: the newest of each, and every answer, in order; what it has left is not to be joined again', async () => {
    const second = fixture.project()
    ana.send({ type: 'join', ref: 2, project: second })
    await readAll()
    ana.take()
    ana.socket.isReading = false
    await makeSlow()
    fixture.live.setBusState('degraded')
    ana.send({ type: 'leave', ref: 77, project: second })
    ana.send({ type: 'salute', ref: 78 })
    fixture.live.setBusState('ok')
    ana.send({ type: 'leave', ref: 79, project: 'nowhere' })
    fixture.live.setBusState('degraded')
    expect(ana.received).toEqual([])
    await readAll()
    expect(ana.take().filter(({ type }) => type !== 'deliver')).toMatchObject([
      { type: 'left', ref: 77, project: second },
      { type: 'error', ref: 78, code: 'UNKNOWN_TYPE' },
      { type: 'left', ref: 79 },
      { type: 'status', bus: 'degraded' },
      { type: 'rejoin', project, reason: 'lagged' },
    ])
  })

  test('[D6] for which more than 32 messages are kept is closed with 4001', async () => {
    await makeSlow()
    for (let ref = 1; ref <= 32; ref++) ana.send({ type: 'salute', ref })
    expect(ana.socket.isOpen).toBe(true)
    ana.send({ type: 'salute', ref: 33 })
    expect(ana.socket.closedWith).toBe(4001)
    expect(fixture.live.census).toMatchObject({ sessions: 0, slow: 0 })
  })

  test('[D6] and takes no byte for 30 s is closed with 4001; [C7] no heartbeat ends it before', async () => {
    await makeSlow()
    await fixture.clock.advance(28_000)
    expect(ana.socket.isOpen).toBe(true)
    await fixture.clock.advance(4_000)
    expect(ana.socket.closedWith).toBe(4001)
  })

  test('[C7] but takes a little now and then stays, however long it says nothing', async () => {
    await makeSlow()
    for (let round = 0; round < 20; round++) {
      await fixture.clock.advance(25_000)
      ana.socket.read(1_000)
    }
    expect(ana.socket.isOpen).toBe(true)
    await readAll()
    expect(ana.types).toContain('rejoin')
    // It has not been able to answer until now.
    await fixture.clock.advance(30_000)
    expect(ana.socket.isOpen).toBe(true)
    await fixture.clock.advance(6_000)
    expect(ana.socket.closedWith).toBe(4002)
  })

  test('[D6] holds up nobody else', async () => {
    const ben = await fixture.joined('ben', project)
    await makeSlow()
    ben.take()
    for (let round = 0; round < 10; round++) await fixture.publish(project)
    expect(ben.types).toEqual(Array(10).fill('deliver'))
  })

  test('[J3] is brought up to date in pages, each after the one before has drained', async () => {
    ana.socket.isReading = true
    const { epoch } = await fixture.bus.head(project)
    await fixture.publish(project, 40, 30_000)
    ana.take()
    ana.socket.isReading = false
    ana.send({ type: 'join', ref: 2, project, since: { epoch, seq: 0, id: '' } })
    await fixture.clock.advance(0)
    const seqs: number[] = []
    for (let pages = 0; seqs.length < 40; pages++) {
      expect(pages).toBeLessThan(10)
      expect(ana.socket.unsentBytes).toBeLessThanOrEqual(256 * KB)
      // Published meanwhile, in turn, and never slow for it.
      if (pages === 2) await fixture.publish(project, 3, 30_000)
      ana.socket.read()
      await fixture.clock.advance(0)
      for (const message of ana.take()) {
        expect(message.type).toBe(pages === 0 ? 'joined' : 'deliver')
        if (message.type === 'joined' || message.type === 'deliver') seqs.push(...message.events.map(({ seq }) => seq))
      }
    }
    ana.socket.read()
    await fixture.clock.advance(0)
    ana.socket.read()
    for (const message of ana.take()) if (message.type === 'deliver') seqs.push(...message.events.map(({ seq }) => seq))
    expect(seqs).toEqual(Array.from({ length: 43 }, (_, index) => index + 1))
    expect(Math.max(...ana.socket.sizes)).toBeLessThanOrEqual(256 * KB)
    expect(fixture.live.census.slow).toBe(0)
    ana.socket.isReading = true
    await fixture.publish(project)
    expect(ana.next('deliver').events.map(({ seq }) => seq)).toEqual([44])
  })

  test('[J3] that leaves while it is brought up to date hears no more of it', async () => {
    const { epoch } = await fixture.bus.head(project)
    ana.socket.isReading = true
    await fixture.publish(project, 40, 30_000)
    ana.take()
    ana.socket.isReading = false
    ana.send({ type: 'join', ref: 2, project, since: { epoch, seq: 0, id: '' } })
    await fixture.clock.advance(0)
    ana.send({ type: 'leave', ref: 3, project })
    await readAll()
    expect(ana.types).toEqual(['joined', 'left'])
  })
})
