import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId } from '../../src/ids.js'
import { outboxContract } from './outbox-contract.js'

outboxContract('the outbox and the bus on Redis', async () => ({
  bus: new RedisBus({ url: process.env.TEST_REDIS_URL!, prefix: `test-${newId()}` }),
  stop: async () => undefined,
}))
