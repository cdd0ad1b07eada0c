import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import type { ProjectId } from '../../src/ids.js'
import { LiveFixture } from './live-fixture.js'
import { RespClient, type RespReply } from './resp-client.js'

const SCRIPT = readFileSync(new URL('../../src/bus/publish.lua', import.meta.url), 'utf8')
const SHA = createHash('sha1').update(SCRIPT).digest('hex')

describe('a publisher in any language, straight to Redis', () => {
  let fixture: LiveFixture
  let redis: RespClient
  let project: ProjectId

  beforeEach(async () => {
    // Names are the public ones; projects are random.
    fixture = await LiveFixture.open({ bus: new RedisBus({ url: process.env.TEST_REDIS_URL! }) })
    redis = await RespClient.open(process.env.TEST_REDIS_URL!)
    project = fixture.project({ ana: 'viewer' })
  })
  afterEach(async () => {
    redis.close()
    await fixture.close()
  })

  /** As PROTOCOL §8 B1 says, and as a program does that meets a Redis for the first time. */
  async function publish(...items: readonly (readonly string[])[]): Promise<RespReply> {
    const now = Date.now()
    const bucket = Math.floor(now / 600_000)
    const keys = ['meta', 'stream', 'latest', `ids:${bucket}`, `ids:${bucket - 1}`, 'live'].map((name) => `tallyroom:{${project}}:${name}`)
    const words = [SHA, '6', ...keys, '1', String(now), 'publish', String(items.length), ...items.flat()]
    try {
      return await redis.call('EVALSHA', ...words)
    } catch (error) {
      if (!/^NOSCRIPT/.test((error as Error).message)) throw error
      expect(await redis.call('SCRIPT', 'LOAD', SCRIPT)).toBe(SHA)
      return redis.call('EVALSHA', ...words)
    }
  }

  test('[B1] [P2] publishes by EVALSHA, and a session receives it as it was written', async () => {
    const ana = await fixture.signIn('ana')
    const { position } = await ana.joined(project)
    const frames: string[] = []
    ana.socket.on('message', (frame: Buffer) => void frames.push(frame.toString()))
    const data = '{"amount":12345678901234567890.10,"empty":[],"text":"naïve 🧾"}'
    const reply = await publish(
      ['e', 'order.paid', 'order 1', '', `{"actor":"till-7","data":${data}}`],
      ['l', 'stock.level', 'stock/1', '7', '{"data":{"left":3}}'],
      ['e', 'order.paid', 'order 1', '', '{"actor":"till-7","data":{}}'],
    )
    expect(reply).toEqual([position.epoch, '1', '1', 'v:7', 'd:1'])
    expect(await ana.next('deliver')).toMatchObject({
      project,
      epoch: position.epoch,
      events: [{ seq: 1, id: 'order 1', type: 'order.paid', actor: 'till-7' }],
      latest: [{ key: 'stock/1', version: 7, type: 'stock.level', data: { left: 3 } }],
    })
    expect(frames[0]).toContain(`"data":${data}`)
    // [P3] Whatever the entrance: the same id through the server.
    const again = await fixture.bus.publish(project, [
      { kind: 'event', type: 'order.paid', id: 'order 1', body: '{"actor":null,"data":{}}' },
    ])
    expect(again.results).toEqual([{ kind: 'duplicate', id: 'order 1', seq: 1 }])
  })

  test('[B1] a fault is told by index and reason, and nobody hears anything', async () => {
    const ana = await fixture.signIn('ana')
    await ana.joined(project)
    const good = ['e', 'order.paid', 'a', '', '{"actor":null,"data":{}}']
    await expect(publish(good, ['e', 'Order', 'b', '', '{"data":{}}'])).rejects.toThrow(/^ERR_INVALID 1 type must be/)
    expect(await publish(good)).toMatchObject({ 1: '1', 2: '1' })
    expect((await ana.next('deliver')).events).toMatchObject([{ seq: 1, id: 'a' }])
  })
})
