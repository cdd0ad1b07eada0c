import { MemoryBus } from '../../src/bus/memory-bus.js'
import { eventsContract } from './events-contract.js'

eventsContract('events over HTTP and the bus in memory', () => {
  const bus = new MemoryBus()
  return [bus, bus]
})
