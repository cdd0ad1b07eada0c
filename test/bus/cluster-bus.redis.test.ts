import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ClusterBus, redisBusAt } from '../../src/bus/cluster-bus.js'
import { slotOf } from '../../src/bus/cluster-slots.js'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { startRedisCluster } from '../support/redis.js'
import { busContract, event, Listener, latest } from './bus-contract.js'

let cluster: Awaited<ReturnType<typeof startRedisCluster>>
beforeAll(async () => {
  cluster = await startRedisCluster()
}, 60_000)
afterAll(() => cluster.stop())

busContract('the bus on a Redis Cluster of three nodes', async () => ({
  bus: new ClusterBus({ url: cluster.url, prefix: `test-${newId()}` }),
  stop: async () => undefined,
}))

describe('a Redis Cluster', () => {
  let nodes: Redis[]
  beforeAll(() => {
    nodes = cluster.urls.map((url) => new Redis(url))
  })
  afterAll(() => {
    for (const node of nodes) node.disconnect()
  })

  test('[B8] slots are those of Redis', async () => {
    for (const tag of ['', 'tallyroom', newId(), newId()]) {
      // Without a tag in it, Redis takes the whole key.
      expect(slotOf(tag)).toBe(await nodes[0]!.cluster('KEYSLOT', tag))
    }
  })

  test('[B8] is found by asking', async () => {
    expect(await redisBusAt({ url: cluster.url })).toBeInstanceOf(ClusterBus)
    expect(await redisBusAt({ url: process.env.TEST_REDIS_URL! })).toBeInstanceOf(RedisBus)
  })

  test('[B8] [D7] a project whose slot moves to another node is heard on, in order and without a hole, whoever publishes where', async () => {
    const prefix = `test-${newId()}`
    const [bus, others] = [new ClusterBus({ url: cluster.url, prefix }), new ClusterBus({ url: cluster.urls[2]!, prefix })]
    await Promise.all([bus.start(), others.start()])
    const project = newId<ProjectId>()
    const listener = new Listener()
    const subscription = await bus.subscribe(project, listener)
    await others.publish(project, [event(), latest('stock/1', 1)])
    await move(slotOf(project))
    for (let no = 0; no < 3; no++) await others.publish(project, [event()])
    await vi.waitFor(() => expect(listener.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]), { timeout: 5_000, interval: 5 })
    await bus.publish(project, [event()])
    await vi.waitFor(() => expect(listener.events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]), { timeout: 5_000, interval: 5 })
    expect(listener.lost).toEqual([])
    await subscription.close()
    await others.publish(project, [event()])
    for (const node of nodes) expect(await node.call('PUBSUB', 'SHARDCHANNELS', `${prefix}:{${project}}:live`)).toEqual([])
    expect(listener.events).toHaveLength(5)
    await Promise.all([bus.stop(), others.stop()])
  })

  test('[B8] [D7] a project whose slot comes back to a node that had it is heard there, and can be left', async () => {
    const prefix = `test-${newId()}`
    const bus = new ClusterBus({ url: cluster.url, prefix })
    await bus.start()
    const project = newId<ProjectId>()
    const listener = new Listener()
    const subscription = await bus.subscribe(project, listener)
    for (const seq of [1, 2, 3]) {
      await move(slotOf(project))
      await bus.publish(project, [event()])
      await vi.waitFor(() => expect(listener.events.at(-1)?.seq).toBe(seq), { timeout: 5_000, interval: 5 })
    }
    expect(listener.lost).toEqual([])
    await subscription.close()
    for (const node of nodes) expect(await node.call('PUBSUB', 'SHARDCHANNELS', `${prefix}:{${project}}:live`)).toEqual([])
    await bus.stop()
  })

  test('[B8] [D7] what its node does not tell any more, though it has the slot, is heard within seconds, and from then on at once', async () => {
    const bus = new ClusterBus({ url: cluster.url, prefix: `test-${newId()}` })
    await bus.start()
    const project = newId<ProjectId>()
    const listener = new Listener()
    const subscription = await bus.subscribe(project, listener)
    const slot = slotOf(project)
    const { ids, owner } = await ownerOf(slot)
    // It takes the slot from itself, and ends what is heard there.
    await nodes[owner]!.cluster('SETSLOT', slot, 'NODE', ids[owner]!)
    await bus.publish(project, [event()])
    await vi.waitFor(() => expect(listener.events).toHaveLength(1), { timeout: 5_000, interval: 5 })
    await bus.publish(project, [event()])
    // Sooner than silence is looked into.
    await vi.waitFor(() => expect(listener.events).toHaveLength(2), { timeout: 2_000, interval: 5 })
    expect(listener.lost).toEqual([])
    await subscription.close()
    await bus.stop()
  })

  /** Ids of the nodes, and the place of the one that has the slot. */
  async function ownerOf(slot: number) {
    const ids = await Promise.all(nodes.map((node) => node.cluster('MYID') as Promise<string>))
    const slots = await nodes[0]!.cluster('SLOTS')
    return { ids, owner: ids.indexOf(slots.find(([first, last]) => first <= slot && slot <= last)![2]![2]) }
  }

  /** With its keys, to the next node. */
  async function move(slot: number): Promise<void> {
    const { ids, owner } = await ownerOf(slot)
    const next = (owner + 1) % nodes.length
    const [from, to] = [nodes[owner]!, nodes[next]!]
    await to.cluster('SETSLOT', slot, 'IMPORTING', ids[owner]!)
    await from.cluster('SETSLOT', slot, 'MIGRATING', ids[next]!)
    const { hostname, port } = new URL(cluster.urls[next]!)
    const keys = (await from.cluster('GETKEYSINSLOT', slot, 1_000)) as string[]
    await from.call('MIGRATE', hostname, port, '', '0', '5000', 'KEYS', ...keys)
    for (const node of new Set([to, from, ...nodes])) await node.cluster('SETSLOT', slot, 'NODE', ids[next]!)
  }
})
