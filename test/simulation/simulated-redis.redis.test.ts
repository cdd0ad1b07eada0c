import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import { Random } from './random.js'
import { type Reply, ReplyError, SimulatedRedis } from './simulated-redis.js'

const RUNS = 6
const CALLS = 60
const SCRIPT = readFileSync(new URL('../../src/bus/publish.lua', import.meta.url), 'utf8')

const real = new Redis(process.env.TEST_REDIS_URL!)
afterAll(() => real.disconnect())

/** What cannot be the same: epochs and times. */
function withoutTime(value: unknown, epochs: Map<string, string>): string {
  return JSON.stringify(value)
    .replace(/\b[0-9a-f]{16}\b/g, (epoch) => {
      if (!epochs.has(epoch)) epochs.set(epoch, `epoch ${epochs.size}`)
      return epochs.get(epoch)!
    })
    .replace(/\b1[0-9]{12}\b/g, 'now')
}

function callOf(random: Random, count: number): string[] {
  const item = () => {
    const body = JSON.stringify({ data: { n: random.below(100) } })
    const number = String(1 + random.below(count))
    return random.pick([
      ['e', 'a.b', `id ${random.below(8)}`, '', body],
      ['e', 'a.b', newId(), 'n', body],
      ['e', random.pick(['a.b', 'A', 'a.', '']), 'id', '', random.pick([body, '[]'])],
      ['l', 'a.b', `k/${random.below(4)}`, random.pick(['', '', number]), random.pick([body, '{"data":null}'])],
      [`o${number}`, 'a.b', `o${number}`, random.pick(['', 'i', 'd']), body],
      [`s${number}`, 'a.b', `o${number}`, '', body],
    ])
  }
  const items = Array.from({ length: random.below(4) }, item)
  return [String(items.length), ...items.flat()]
}

test('[B1] the simulated Redis runs the script as the real one does', async () => {
  for (let seed = 1; seed <= RUNS; seed++) {
    const random = new Random(seed)
    const told: string[] = []
    const simulated = new SimulatedRedis({
      now: () => Date.now(),
      onPublished: (_, message) => told.push(message),
      deliver: () => undefined,
    })
    const listener = real.duplicate()
    const heard: string[] = []
    listener.on('message', (_, message: string) => heard.push(message))
    const project = newId()
    const keys = ['meta', 'stream', 'latest', 'ids:1', 'ids:0', 'live'].map((name) => `simulated:{${project}}:${name}`)
    await listener.subscribe(keys[5]!)
    const ours = new Map<string, string>()
    const theirs = new Map<string, string>()
    const both = async (command: string, args: string[]) => {
      let one: Reply | string
      try {
        one = simulated.run(command, args)
      } catch (error) {
        if (!(error instanceof ReplyError)) throw error
        one = error.message
      }
      const other = await real.call(command, args).catch((error: Error) => error.message.split(' script:')[0])
      expect(withoutTime(one, ours), `seed ${seed}: ${command} ${args.slice(command === 'eval' ? 8 : 0)}`).toBe(withoutTime(other, theirs))
      return one
    }
    for (let call = 0; call < CALLS; call++) {
      const now = String(600_000 + random.below(120_000))
      const epoch = simulated.run('hget', [keys[0]!, 'epoch'])
      if (random.chance(0.03)) await both('del', [random.pick(keys)])
      if (random.chance(0.03) && typeof epoch === 'string') {
        const other = await real.hget(keys[0]!, 'epoch')
        const ends = (own: string) => [SCRIPT, '6', ...keys, '1', now, 'publish', '0', own]
        expect(withoutTime(simulated.run('eval', ends(epoch)), ours)).toBe(withoutTime(await real.call('eval', ends(other!)), theirs))
      }
      await both('eval', [SCRIPT, '6', ...keys, '1', now, 'publish', ...callOf(random, call + 1)])
      await both('hmget', [keys[0]!, 'epoch', 'seq', 'id', 'n', 'o', 'p', 'l', 'i', 'j'])
      await both('exists', keys.slice(0, 5))
    }
    await both('xrange', [keys[1]!, '0-0', '+'])
    await both('hmget', [keys[2]!, 'k/0', 'k/1', 'k/2', 'k/3'])
    await both('xrange', [keys[1]!, '3-0', '+', 'COUNT', '2'])
    await expect.poll(() => heard.length).toBe(told.length)
    expect(withoutTime(heard, theirs)).toBe(withoutTime(told, ours))
    listener.disconnect()
    await real.del(...keys)
  }
})
