import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { CODECS } from '../../src/sessions/codecs.js'
import { isLong } from '../support/long.js'
import { settle } from './fake-clock.js'
import { MemoryFixture } from './memory-fixture.js'

// A worker of the tests is not started with it.
setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const CYCLES = isLong ? 100_000 : 10_000
const ROUNDS = 20

interface Memory {
  readonly heap: number
  readonly rss: number
}

function memory(): Memory {
  collect()
  collect()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

const median = (values: readonly number[]) => [...values].sort((one, other) => one - other)[values.length >> 1]!

test(`[J7] of ${CYCLES} sessions that came, joined and went nothing is left`, { timeout: 120_000 }, async () => {
  // What the bus retains for who resumes is full before anything is measured.
  const fixture = new MemoryFixture({ busOptions: { streamMaxEvents: 100 } })
  const projects = Array.from({ length: 20 }, () => fixture.project())
  let count = 0
  const cycle = async (): Promise<void> => {
    const n = count++
    const client = fixture.connect(CODECS[n % 2]!.subprotocol)
    const project = projects[n % projects.length]!
    client.send({ type: 'hello', token: fixture.token('ana'), joins: [{ ref: 1, project }] })
    // Some go while they are still joining, some are being sent something, some do not read.
    if (n % 5 !== 0) await settle()
    if (n % 10 === 0) await fixture.publish(project)
    if (n % 3 === 0) client.send({ type: 'leave', ref: 2, project })
    if (n % 7 === 0) client.socket.isReading = false
    if (n % 7 === 0) await fixture.publish(project, 3, 30_000)
    client.socket.close(1000)
  }
  const round = async (cycles: number): Promise<Memory> => {
    for (let left = cycles; left > 0; left--) await cycle()
    await fixture.clock.advance(20_000)
    expect(fixture.live.census).toEqual({ sessions: 0, slow: 0, unsentBytes: 0, subscriptions: 0 })
    expect(fixture.transport.topics.size).toBe(0)
    expect(fixture.clock.pending, 'the sweep').toBe(1)
    return memory()
  }
  const taken: Memory[] = []
  for (let left = ROUNDS; left > 0; left--) taken.push(await round(CYCLES / ROUNDS))
  expect(count).toBe(CYCLES)
  for (const kind of ['heap', 'rss'] as const) {
    // Fewer are over before the engine has compiled all and made room.
    if (!isLong) break
    // The first rounds are the engine's.
    const [start, end] = [taken.slice(3, 9), taken.slice(-6)].map((some) => median(some.map((one) => one[kind])))
    expect(end! / start!, `${kind}: ${start} before, ${end} after`).toBeLessThan(1.05)
  }
  await fixture.live.stop()
})
