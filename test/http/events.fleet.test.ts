import { expect, test } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId } from '../../src/ids.js'
import { RedisProxy } from '../bus/redis-proxy.js'
import { createOnServer } from '../db/test-databases.js'
import { eventsContract } from './events-contract.js'
import { expectProblem, HttpFixture } from './http-fixture.js'

eventsContract('events over HTTP and the bus on Redis', () => {
  const options = { url: process.env.TEST_REDIS_URL!, prefix: `test-${newId()}` }
  return [new RedisBus(options), new RedisBus(options)]
})

test('[P3] with Redis away publishing is refused, and whoever repeats it under the same id publishes once', async () => {
  const [database, wire] = [await createOnServer(), await RedisProxy.open(process.env.TEST_REDIS_URL!)]
  const bus = new RedisBus({ url: wire.url, prefix: `test-${newId()}` })
  await bus.start()
  const http = await HttpFixture.open(database.db, { bus })
  const project = await http.project('ana')
  const token = await http.token('ana')
  const publish = () =>
    http.call('POST', `/v1/projects/${project}/events`, { token, body: { events: [{ type: 'a.b', data: {}, id: 'x' }] } })
  // The answer is lost: nobody knows what became of it.
  wire.hold()
  expectProblem(await publish(), 503, 'BUS_UNAVAILABLE')
  wire.release()
  await expect.poll(async () => (await publish()).status, { timeout: 5_000 }).toBe(200)
  expect((await publish()).body).toMatchObject({ results: [{ id: 'x', seq: 1, duplicate: true }] })
  expect((await bus.head(project)).seq).toBe(1)
  await http.close()
  await bus.stop()
  await wire.pullOut()
  await database.close()
})
