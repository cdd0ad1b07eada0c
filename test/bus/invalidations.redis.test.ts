import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId } from '../../src/ids.js'
import { invalidationsContract } from './invalidations-contract.js'

invalidationsContract('what is stale, told over the bus on Redis', async () => ({
  bus: new RedisBus({ url: process.env.TEST_REDIS_URL!, prefix: `test-${newId()}` }),
  stop: async () => undefined,
}))
