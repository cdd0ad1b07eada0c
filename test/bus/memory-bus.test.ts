import { expect, test } from 'vitest'
import { type BusItem, MAX_BUCKET_IDS, MAX_ITEMS, MAX_LIVE_KEYS, TOMBSTONE_MS } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { busContract, event, latest } from './bus-contract.js'
import { resumeContract } from './resume-contract.js'

busContract('the bus in memory', async () => ({ bus: new MemoryBus(), stop: async () => undefined }))
resumeContract('resuming in memory', (retention) => ({ bus: new MemoryBus(retention), stop: async () => undefined }))

test('[P3] an id is remembered for ten minutes at least, and not much longer', async () => {
  let now = 1_800_000_000_000 - 1
  const bus = new MemoryBus({ now: () => now })
  const project = newId<ProjectId>()
  const kindOf = async () => (await bus.publish(project, [event({}, 'a')])).results[0]?.kind
  expect(await kindOf()).toBe('sequenced')
  now += 600_000
  expect(await kindOf()).toBe('duplicate')
  now += 600_001
  expect(await kindOf()).toBe('sequenced')
})

test('[D4] tombstones that have stood for ten minutes make room for live keys', async () => {
  let now = 1_800_000_000_000
  const bus = new MemoryBus({ now: () => now })
  const project = newId<ProjectId>()
  await bus.publish(project, [latest('gone', 1)])
  await bus.publish(project, [latest('gone', null)])
  await bus.publish(
    project,
    Array.from({ length: MAX_LIVE_KEYS - 1 }, (_, at) => latest(`k/${at}`, at)),
  )
  now += TOMBSTONE_MS
  expect((await bus.publish(project, [latest('one/more', 1), latest('gone', null, 1)])).results[1]?.kind).toBe('refused')
  now += 1
  await bus.publish(project, [latest('one/more', null)])
  expect((await bus.publish(project, [latest('two/more', 1), latest('gone', null, 1)])).results[1]?.kind).toBe('versioned')
})

test('[D4] tombstones of keys that never lived are forgotten after ten minutes too', async () => {
  let now = 1_800_000_000_000
  const bus = new MemoryBus({ now: () => now })
  const project = newId<ProjectId>()
  const publish = async (...items: readonly BusItem[]) => (await bus.publish(project, items)).results[0]?.kind
  await publish(...Array.from({ length: MAX_LIVE_KEYS }, (_, at) => latest(`never/${at}`, null)))
  now += TOMBSTONE_MS
  await publish(latest('another', null))
  expect(await publish(latest('never/0', null, 1))).toBe('refused')
  now += 1
  await publish(latest('one/more', null))
  expect(await publish(latest('never/0', null, 1))).toBe('versioned')
})

test('[B7] more than 200,000 ids in ten minutes are refused, events without one are not', async () => {
  let now = 1_800_000_000_000
  const bus = new MemoryBus({ now: () => now })
  const project = newId<ProjectId>()
  for (let sent = 0; sent < MAX_BUCKET_IDS; sent += MAX_ITEMS) {
    await bus.publish(
      project,
      Array.from({ length: MAX_ITEMS }, (_, at) => event({}, `${sent + at}`)),
    )
  }
  await expect(bus.publish(project, [event({}, 'one more')])).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  await bus.publish(project, [event()])
  now += 600_000
  await bus.publish(project, [event({}, 'one more')])
})

test('[J3] events are dropped an age after the last publish, of whatever kind, in that project', async () => {
  let now = 1_800_000_000_000
  const bus = new MemoryBus({ now: () => now, streamMaxAgeMs: 1_000 })
  const [busy, silent] = [newId<ProjectId>(), newId<ProjectId>()]
  const isRetained = async (project: ProjectId) => {
    const { epoch } = await bus.head(project)
    return (await bus.readEvents(project, { epoch, seq: 0, id: '' }, { maxEvents: 1, maxBytes: 1 })) !== null
  }
  await bus.publish(silent, [event()])
  await bus.publish(busy, [event()])
  now += 600
  await bus.publish(busy, [latest('k', 1)])
  now += 399
  expect(await isRetained(silent)).toBe(true)
  now += 1
  expect(await isRetained(silent)).toBe(false)
  expect(await isRetained(busy)).toBe(true)
  now += 599
  expect(await isRetained(busy)).toBe(true)
  now += 1
  expect(await isRetained(busy)).toBe(false)
})
