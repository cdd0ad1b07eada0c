import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import { DEFAULT_CLAIM_TTL_MS, MAX_CLAIM_TTL_MS } from '../../src/protocol/messages.js'
import { ROLES } from '../../src/protocol/views.js'
import type { MemoryClient } from './memory-fixture.js'
import { type Onlooker, Processes } from './people.js'

let processes: Processes
let watcher: Onlooker
let lastRef = 10

beforeEach(async () => {
  processes = new Processes(3)
  watcher = await processes.onlooker(0)
})
afterEach(() => processes.stop())

const pass = (ms: number) => processes.clock.advance(ms)
const fromNow = (ms: number) => new Date(processes.clock.today() + ms).toISOString()
const claimOf = (name: string, until: string) => ({ user: { id: name, name }, until })

/** What the server answers to it. */
async function ask(client: MemoryClient, type: 'claim' | 'release', target: string, ttlMs?: number, project: string = processes.project) {
  const ref = ++lastRef
  client.send({ type, ref, project, target, ...(ttlMs !== undefined && { ttlMs }) })
  await pass(0)
  return client.received.find((message) => 'ref' in message && message.ref === ref)
}

describe('a claim', () => {
  test('[R6] is seen by everybody, for half a minute, or for as long as was asked', async () => {
    const ana = await processes.join(1, 'ana')
    const until = fromNow(DEFAULT_CLAIM_TTL_MS)
    expect(await ask(ana, 'claim', 'match/m-1')).toMatchObject({ type: 'claimed', project: processes.project, target: 'match/m-1', until })
    await pass(20)
    expect(watcher.claims).toEqual({ 'match/m-1': claimOf('ana', until) })
    const later = fromNow(MAX_CLAIM_TTL_MS)
    expect(await ask(ana, 'claim', `record/${newId()}`, MAX_CLAIM_TTL_MS)).toMatchObject({ type: 'claimed', until: later })
    await pass(20)
    expect(Object.values(watcher.claims)).toContainEqual(claimOf('ana', later))
    // Who comes now sees both.
    expect(Object.keys((await processes.onlooker(2)).claims)).toHaveLength(2)
  })

  test('[R6] of somebody else is CLAIMED, with who holds it and until when; the same user extends it, from any session', async () => {
    const [ana, tab, ben] = [await processes.join(0, 'ana'), await processes.join(1, 'ana'), await processes.join(2, 'ben')]
    await ask(ana, 'claim', 'match/1')
    const until = fromNow(DEFAULT_CLAIM_TTL_MS)
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({
      type: 'error',
      code: 'CLAIMED',
      message: 'ana is on it',
      retryable: false,
      details: claimOf('ana', until),
    })
    await pass(5_000)
    const later = fromNow(DEFAULT_CLAIM_TTL_MS)
    expect(await ask(tab, 'claim', 'match/1')).toMatchObject({ type: 'claimed', until: later })
    await pass(20)
    expect(watcher.claims).toEqual({ 'match/1': claimOf('ana', later) })
    expect(await ask(ben, 'claim', 'match/2')).toMatchObject({ type: 'claimed' })
  })

  test('[R6] is not shortened by a session of the same user that asks for less', async () => {
    const ana = await processes.join(0, 'ana')
    const until = fromNow(60_000)
    await ask(ana, 'claim', 'match/1', 60_000)
    await pass(1_000)
    expect(await ask(ana, 'claim', 'match/1', 1_000)).toMatchObject({ type: 'claimed', until })
  })

  test.each([
    [1, 'claimed'],
    [MAX_CLAIM_TTL_MS, 'claimed'],
    [MAX_CLAIM_TTL_MS + 1, 'error'],
    [0, 'error'],
    [-1, 'error'],
  ])('[R6] for %i ms is %s', async (ttlMs, type) => {
    const ana = await processes.join(0, 'ana')
    const answer = await ask(ana, 'claim', 'match/1', ttlMs)
    expect(answer).toMatchObject(type === 'error' ? { type, code: 'INVALID' } : { type })
  })

  test.each([
    ['match/1', 'claimed'],
    [`record/${'x'.repeat(128)}`, 'claimed'],
    [`record/${'x'.repeat(129)}`, 'error'],
    ['match/', 'error'],
    ['match', 'error'],
    ['job/1', 'error'],
    ['match/1/2', 'error'],
    ['match/ü', 'error'],
    ['presence/count', 'error'],
  ])('[R6] of %s is %s', async (target, type) => {
    const ana = await processes.join(0, 'ana')
    for (const kind of ['claim', 'release'] as const) {
      const answer = await ask(ana, kind, target)
      if (type === 'error') expect(answer).toMatchObject({ type, code: 'INVALID' })
      else expect(answer?.type).toBe(kind === 'claim' ? 'claimed' : 'ack')
    }
  })

  test.each(ROLES)('[R6] needs the role analyst or above: %s', async (role) => {
    processes.roles.set('ana', role)
    const ana = await processes.join(0, 'ana')
    expect(await ask(ana, 'claim', 'match/1')).toMatchObject(role === 'viewer' ? { type: 'error', code: 'FORBIDDEN' } : { type: 'claimed' })
  })

  test('[R6] needs a join, of that project; behind one that is under way it waits for it', async () => {
    const ana = await processes.fixtures[0]!.signIn('ana')
    for (const type of ['claim', 'release'] as const) {
      for (const project of [processes.project, newId(), 'nowhere']) {
        expect(await ask(ana, type, 'match/1', undefined, project)).toMatchObject({ type: 'error', code: 'NOT_JOINED' })
      }
    }
    ana.received.length = 0
    ana.send({ type: 'join', ref: 1, project: processes.project })
    ana.send({ type: 'claim', ref: 2, project: processes.project, target: 'match/1' })
    ana.send({ type: 'leave', ref: 3, project: processes.project })
    ana.send({ type: 'claim', ref: 4, project: processes.project, target: 'match/1' })
    for (let turn = 0; turn < 5; turn++) await pass(5)
    expect(ana.received.filter(({ type }) => type !== 'deliver')).toMatchObject([
      { type: 'joined', ref: 1 },
      { type: 'claimed', ref: 2 },
      { type: 'left', ref: 3 },
      { type: 'error', ref: 4, code: 'NOT_JOINED' },
    ])
  })

  test('[C8] beyond the rate is RATE_LIMITED and has no effect, and so is a release; presence is not counted', async () => {
    await processes.stop()
    processes = new Processes(1, { frameRate: { perSecond: 1, burst: 3 } })
    const ana = await processes.join(0, 'ana')
    for (let count = 0; count < 50; count++) ana.send({ type: 'presence', project: processes.project, state: { count } })
    for (const [index, type] of (['claim', 'claim', 'claim', 'release'] as const).entries()) {
      ana.send({ type, ref: 20 + index, project: processes.project, target: `match/${Math.min(index, 2)}` })
    }
    await pass(20)
    // The join was the first of three.
    expect(ana.received.filter(({ type }) => type !== 'deliver')).toMatchObject([
      { type: 'error', ref: 22, code: 'RATE_LIMITED', retryAfterMs: 1_000 },
      { type: 'error', ref: 23, code: 'RATE_LIMITED', retryAfterMs: 1_000 },
      { type: 'claimed', ref: 20 },
      { type: 'claimed', ref: 21 },
    ])
    const { latest } = await processes.bus.latest(processes.project)
    expect(latest.map(({ key }) => key).filter((key) => key.startsWith('claim/'))).toEqual(['claim/match/0', 'claim/match/1'])
    watcher = await processes.onlooker(0)
    expect(Object.values(watcher.people)).toMatchObject([{ state: { count: 49 } }])
  })

  test('[R6] without a bus is BUS_UNAVAILABLE, and may be repeated', async () => {
    const ana = await processes.join(1, 'ana')
    processes.wires[1]!.cut()
    for (const type of ['claim', 'release'] as const) {
      expect(await ask(ana, type, 'match/1')).toMatchObject({ type: 'error', code: 'BUS_UNAVAILABLE', retryable: true })
    }
  })
})

describe('a release', () => {
  test('[R7] ends the claim for everybody, from any session of its user', async () => {
    const [ana, tab, ben] = [await processes.join(0, 'ana'), await processes.join(1, 'ana'), await processes.join(2, 'ben')]
    await ask(ana, 'claim', 'match/1')
    expect(await ask(tab, 'release', 'match/1')).toMatchObject({ type: 'ack' })
    await pass(20)
    expect(watcher.claims).toEqual({})
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ type: 'claimed' })
  })

  test('[R7] of what somebody else holds, or nobody, is an ack without an effect', async () => {
    const [ana, ben] = [await processes.join(0, 'ana'), await processes.join(1, 'ben')]
    expect(await ask(ben, 'release', 'match/1')).toEqual({ type: 'ack', ref: lastRef })
    const until = fromNow(DEFAULT_CLAIM_TTL_MS)
    await ask(ana, 'claim', 'match/1')
    expect(await ask(ben, 'release', 'match/1')).toEqual({ type: 'ack', ref: lastRef })
    await pass(20)
    expect(watcher.claims).toEqual({ 'match/1': claimOf('ana', until) })
    expect(watcher.latest.get('claim/match/1')).toMatchObject({ version: 1 })
  })
})

describe('of two processes that want one thing', () => {
  test('[R8] one gets it, and the other is told who', async () => {
    const clients = await Promise.all(Array.from({ length: 12 }, (_, no) => processes.join(no % 3, `user ${no}`)))
    for (let round = 0; round < 10; round++) {
      for (const client of clients) client.received.length = 0
      for (const client of clients) client.send({ type: 'claim', ref: 5, project: processes.project, target: `match/${round}` })
      await pass(20)
      const answers = clients.flatMap((client) => client.received.filter(({ type }) => type === 'claimed' || type === 'error'))
      expect(answers).toHaveLength(12)
      expect(answers.filter(({ type }) => type === 'claimed')).toHaveLength(1)
      const winner = `user ${clients.findIndex((client) => client.types.includes('claimed'))}`
      for (const answer of answers)
        if (answer.type === 'error') expect(answer).toMatchObject({ code: 'CLAIMED', details: { user: { id: winner } } })
    }
  })

  test('[R8] what one has heard does not decide: a claim that it does not know of holds, and one that is over does not', async () => {
    const [ana, ben] = [await processes.join(0, 'ana'), await processes.join(1, 'ben')]
    // Another process has written it, and the news of it is still on its way.
    const body = JSON.stringify({ data: claimOf('cem', fromNow(5_000)) })
    processes.wires[1]!.isDeaf = true
    await processes.bus.publish(processes.project, [{ kind: 'latest', type: 'claim', key: 'claim/match/1', body }])
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ code: 'CLAIMED', details: { user: { id: 'cem' } } })
    await processes.bus.publish(processes.project, [{ kind: 'latest', type: 'claim', key: 'claim/match/1', body: '{"data":null}' }])
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ type: 'claimed' })
    expect(await ask(ana, 'claim', 'match/1')).toMatchObject({ code: 'CLAIMED', details: { user: { id: 'ben' } } })
  })
})

describe('the end of a claim', () => {
  test('[R9] comes at its time, not before, and is one message however many processes see it', async () => {
    const ana = await processes.join(1, 'ana')
    await ask(ana, 'claim', 'match/1', 5_000)
    await pass(4_990)
    expect(watcher.claims).toHaveProperty(['match/1'])
    await pass(30)
    expect(watcher.claims).toEqual({})
    await pass(10_000)
    expect(watcher.claims).toEqual({})
    expect(watcher.latest.get('claim/match/1')).toMatchObject({ version: 2, data: null })
  })

  test('[R9] is moved by an extension, and a claim on what is over is a new one', async () => {
    const [ana, ben] = [await processes.join(1, 'ana'), await processes.join(2, 'ben')]
    await ask(ana, 'claim', 'match/1', 5_000)
    await pass(4_000)
    await ask(ana, 'claim', 'match/1', 5_000)
    await pass(4_000)
    expect(watcher.claims).toHaveProperty(['match/1'])
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ code: 'CLAIMED' })
    await pass(1_000)
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ type: 'claimed' })
    await pass(20)
    expect(watcher.claims).toMatchObject({ 'match/1': { user: { id: 'ben' } } })
  })

  test('[R9] is brought by others when the process that made the claim is dead, within 2 s', async () => {
    await ask(await processes.join(1, 'ana'), 'claim', 'match/1', 5_000)
    await pass(20)
    processes.wires[1]!.cut()
    await pass(5_500)
    expect(watcher.claims).toHaveProperty(['match/1'])
    await pass(1_600)
    expect(watcher.claims).toEqual({})
  })

  test('[R9] does not wait for who would tell it: at its time the target is free', async () => {
    const [ana, ben] = [await processes.join(1, 'ana'), await processes.join(2, 'ben')]
    await ask(ana, 'claim', 'match/1', 5_000)
    processes.wires[1]!.cut()
    await pass(4_999)
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ code: 'CLAIMED' })
    await pass(1)
    expect(await ask(ben, 'claim', 'match/1')).toMatchObject({ type: 'claimed' })
  })

  test('[R8] [R9] is not brought by a process that has not heard of an extension', async () => {
    const ana = await processes.join(1, 'ana')
    const deaf = await processes.onlooker(2)
    await ask(ana, 'claim', 'match/1', 5_000)
    await pass(20)
    expect(deaf.claims).toHaveProperty(['match/1'])
    processes.wires[2]!.isDeaf = true
    await ask(ana, 'claim', 'match/1', 60_000)
    await pass(20_000)
    expect(watcher.claims).toHaveProperty(['match/1'])
    expect(watcher.gone).toEqual([])
  })

  test('[R9] a claim that all processes have left is ended by who comes first', async () => {
    await ask(await processes.join(1, 'ana'), 'claim', 'match/1', 5_000)
    await processes.fixtures[1]!.live.stop()
    watcher.client.socket.close(1000)
    processes.wires[0]!.cut()
    await pass(60_000)
    const late = await processes.onlooker(2)
    await pass(20)
    expect(late.claims).toEqual({})
    expect((await processes.bus.latest(processes.project)).latest.filter(({ key }) => key.startsWith('claim/'))).toEqual([])
  })

  test.each(['close', 'leave'] as const)('[R10] comes 10 s after the last session of its user has left by %s', async (end) => {
    const [ana, tab] = [await processes.join(1, 'ana'), await processes.join(1, 'ana')]
    await ask(ana, 'claim', 'match/1', MAX_CLAIM_TTL_MS)
    const go = (client: MemoryClient) =>
      end === 'close' ? client.socket.close(1000) : client.send({ type: 'leave', ref: 9, project: processes.project })
    go(ana)
    await pass(30_000)
    expect(watcher.claims).toHaveProperty(['match/1'])
    go(tab)
    await pass(9_900)
    expect(watcher.claims).toHaveProperty(['match/1'])
    await pass(200)
    expect(watcher.claims).toEqual({})
  })

  test('[R10] does not come while the user has a session on another process, and comes when that one leaves too', async () => {
    const [ana, tab] = [await processes.join(1, 'ana'), await processes.join(2, 'ana')]
    await ask(ana, 'claim', 'match/1', MAX_CLAIM_TTL_MS)
    await pass(1_000)
    ana.socket.close(1000)
    await pass(30_000)
    expect(watcher.claims).toHaveProperty(['match/1'])
    tab.socket.close(1000)
    await pass(9_900)
    expect(watcher.claims).toHaveProperty(['match/1'])
    await pass(200)
    expect(watcher.claims).toEqual({})
  })

  test('[R10] comes no sooner for a user who leaves just before another process would have looked', async () => {
    const ana = await processes.join(1, 'ana')
    await ask(ana, 'claim', 'match/1', MAX_CLAIM_TTL_MS)
    await pass(9_900)
    ana.socket.close(1000)
    await pass(9_900)
    expect(watcher.claims).toHaveProperty(['match/1'])
    await pass(200)
    expect(watcher.claims).toEqual({})
  })

  test.each([0, 1, 2])('[R10] does not come when the user is back within 10 s, on process %i', async (no) => {
    const ana = await processes.join(1, 'ana')
    await ask(ana, 'claim', 'match/1', MAX_CLAIM_TTL_MS)
    const busy = await processes.join(no, 'busy')
    ana.socket.close(1000)
    await pass(9_900)
    // What is told of others is told soon, but not at once.
    busy.send({ type: 'presence', project: processes.project, state: {} })
    await pass(90)
    await processes.join(no, 'ana')
    await pass(60_000)
    expect(watcher.claims).toHaveProperty(['match/1'])
  })

  test('[R10] comes also when nobody is left in the project', async () => {
    const ana = await processes.join(1, 'ana')
    await ask(ana, 'claim', 'match/1', MAX_CLAIM_TTL_MS)
    for (const client of [ana, watcher.client]) client.socket.close(1000)
    await pass(10_100)
    expect((await processes.bus.latest(processes.project)).latest.filter(({ key }) => key.startsWith('claim/'))).toEqual([])
    await pass(60_000)
    expect(processes.clock.pending, 'the sweeps').toBe(3)
  })

  test('[R10] a user who was on a process that died is gone with its lease', async () => {
    const ana = await processes.join(1, 'ana')
    await ask(ana, 'claim', 'match/1', MAX_CLAIM_TTL_MS)
    await pass(1_000)
    processes.wires[1]!.cut()
    await pass(20_000)
    expect(watcher.claims).toHaveProperty(['match/1'])
    await pass(11_000)
    expect(watcher.claims).toEqual({})
  })
})
