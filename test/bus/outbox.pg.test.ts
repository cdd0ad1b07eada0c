import { MemoryBus } from '../../src/bus/memory-bus.js'
import { outboxContract } from './outbox-contract.js'

outboxContract('the outbox and the bus in memory', async () => ({ bus: new MemoryBus(), stop: async () => undefined }))
