import { expect, test } from 'vitest'
import { newId, type ProjectId } from '../../src/ids.js'
import { FakeClock } from '../sessions/fake-clock.js'
import { fakeGlobals } from '../simulation/fake-globals.js'
import { simulatedBus } from '../simulation/process.js'
import { Random } from '../simulation/random.js'
import { RedisNetwork } from '../simulation/redis-network.js'
import { Situations } from '../simulation/situations.js'
import { event, Listener } from './bus-contract.js'

test('[D7] what moves to a node that cannot be reached is healed when it can, though nothing more is published', async () => {
  const random = new Random(1)
  const clock = new FakeClock({ random: () => random.next() })
  const restore = fakeGlobals(clock, random)
  try {
    const network = new RedisNetwork({ clock, random, situations: new Situations([]), onPublished: () => undefined })
    network.hasFaults = false
    // Two nodes with the same data: what has moved is at both.
    const [from, to, others] = [simulatedBus(network), simulatedBus(network), simulatedBus(network)]
    const soon = async <Value>(promise: Promise<Value>) => {
      await clock.advance(50)
      return promise
    }
    const buses = [from.bus, to.bus, others.bus]
    await soon(Promise.all(buses.map((bus) => bus.start())))
    const project = newId<ProjectId>()
    const listener = new Listener()
    await soon(from.bus.subscribe(project, listener))
    const [commands, subscriptions] = [to.connections[0]!, to.connections[1]!]
    subscriptions.cut()
    await from.bus.moveTo(to.bus, project)
    const published = others.bus.publish(project, [event()])
    // Subscribed anew, but with nobody to ask what was missed.
    while (!subscriptions.channels.has(`tallyroom:{${project}}:live`)) {
      commands.cut()
      await clock.advance(1)
    }
    await published
    expect(listener.events).toEqual([])
    await clock.advance(4_000)
    expect(listener.events.map(({ seq }) => seq)).toEqual([1])
    expect(listener.lost).toEqual([])
    await Promise.all(buses.map((bus) => bus.stop()))
  } finally {
    restore()
  }
})
