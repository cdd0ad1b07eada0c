import { Redis } from 'ioredis'
import { expect, test } from 'vitest'

test('the Redis of a run is 7 or newer, or a Valkey, and keeps nothing', async () => {
  const redis = new Redis(process.env.TEST_REDIS_URL!, { lazyConnect: true })
  await redis.connect()
  const info = await redis.info('server')
  expect(Number(info.match(/^redis_version:(\d+)/m)?.[1])).toBeGreaterThanOrEqual(7)
  expect(await redis.config('GET', 'save')).toEqual(['save', ''])
  redis.disconnect()
})
