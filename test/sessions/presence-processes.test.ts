import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { MemoryClient } from './memory-fixture.js'
import { Onlooker, Processes } from './people.js'

const names = (people: Record<string, unknown>) => Object.values(people).map((one) => (one as { user: { name: string } }).user.name)

describe('who is present, over several processes', () => {
  let processes: Processes

  beforeEach(() => {
    processes = new Processes(3)
  })
  afterEach(() => processes.stop())

  const show = (client: MemoryClient) => client.send({ type: 'presence', project: processes.project, state: {} })
  const pass = (ms: number) => processes.clock.advance(ms)

  test('[R3] all see the same people and the same count, whoever tells first', async () => {
    const watchers = await Promise.all([0, 1, 2].map((no) => processes.onlooker(no)))
    const clients = await Promise.all(Array.from({ length: 90 }, (_, no) => processes.join(no % 3, `user ${no}`)))
    for (const client of clients) show(client)
    await pass(1_000)
    for (const watcher of watchers) expect([Object.keys(watcher.people).length, watcher.count]).toEqual([90, 90])
    for (const client of clients.slice(0, 40)) client.socket.close(1000)
    await pass(1_000)
    for (const watcher of watchers) {
      expect(names(watcher.people).sort()).toEqual(clients.slice(40).map((_, index) => `user ${index + 40}`))
      expect(watcher.count).toBe(50)
    }
  })

  test('[R3] the hundred longest present are those of all processes together', async () => {
    const watcher = await processes.onlooker(2)
    const clients: MemoryClient[] = []
    for (let no = 0; no < 104; no++) {
      clients.push(await processes.join(no % 2, `user ${no}`))
      show(clients[no]!)
      await pass(1)
    }
    await pass(3_000)
    expect(watcher.count).toBe(104)
    expect(names(watcher.people).sort()).toEqual(Array.from({ length: 100 }, (_, no) => `user ${no}`).sort())
    // Who moves keeps its place.
    watcher.gone.length = 0
    clients[0]!.send({ type: 'presence', project: processes.project, state: { moved: true } })
    await pass(3_000)
    expect(names(watcher.people)).toContain('user 0')
    expect(watcher.gone).toEqual([])
    // All of them are of one process; the next are of both.
    for (const no of [0, 2, 4]) clients[no]!.socket.close(1000)
    await pass(3_000)
    expect(watcher.count).toBe(101)
    expect(
      names(watcher.people)
        .filter((name) => Number(name.slice(5)) >= 100)
        .sort(),
    ).toEqual(['user 100', 'user 101', 'user 102'])
  })

  test('[R5] what a dead process has left is gone within 20 s of its last word, and not before its lease has ended', async () => {
    const watcher = await processes.onlooker(0)
    const [ana, ben] = [await processes.join(0, 'ana'), await processes.join(1, 'ben')]
    show(ana)
    show(ben)
    await pass(1_000)
    expect(names(watcher.people).sort()).toEqual(['ana', 'ben'])
    processes.wires[1]!.cut()
    await pass(9_000)
    expect(names(watcher.people).sort()).toEqual(['ana', 'ben'])
    await pass(11_500)
    expect([names(watcher.people), watcher.count]).toEqual([['ana'], 1])
  })

  test('[R5] it is seen by who only looks on, and by who comes when all are dead', async () => {
    const watcher = await processes.onlooker(0)
    show(await processes.join(1, 'ben'))
    await pass(1_000)
    expect(names(watcher.people)).toEqual(['ben'])
    for (const wire of processes.wires.slice(0, 2)) wire.cut()
    await pass(60_000)
    const late = await processes.onlooker(2)
    expect(names(late.people)).toEqual(['ben'])
    await pass(6_000)
    expect([late.people, late.count]).toEqual([{}, 0])
  })

  test('[R5] who was given up and comes back is shown again', async () => {
    const watcher = await processes.onlooker(0)
    const ben = await processes.join(1, 'ben')
    show(ben)
    await pass(1_000)
    processes.wires[1]!.cut()
    await pass(30_000)
    expect(watcher.count).toBe(0)
    await processes.wires[1]!.mend()
    ben.send({ type: 'join', ref: 2, project: processes.project })
    await pass(6_000)
    expect([names(watcher.people), watcher.count]).toEqual([['ben'], 1])
    await pass(60_000)
    expect([names(watcher.people), watcher.count]).toEqual([['ben'], 1])
  })

  test('[R5] a bus that was away for all makes nobody disappear', async () => {
    const watcher = await processes.onlooker(0)
    const clients: MemoryClient[] = []
    for (const [no, user] of ['ana', 'ben'].entries()) {
      clients.push(await processes.join(no, user))
      show(clients[no]!)
      // They renew their leases at different times.
      await pass(2_500)
    }
    for (const wire of processes.wires) wire.cut()
    await pass(60_000)
    for (const wire of processes.wires) await wire.mend()
    for (const client of [...clients, watcher.client]) client.send({ type: 'join', ref: 2, project: processes.project })
    for (let second = 0; second < 30; second++) {
      await pass(1_000)
      expect(names(watcher.people).sort()).toEqual(['ana', 'ben'])
    }
    expect([watcher.count, watcher.gone]).toEqual([2, []])
  })

  test('[R2] who leaves while it is told of is gone all the same', async () => {
    await processes.stop()
    processes = new Processes(2, { lagMs: () => 40 })
    const client = await processes.fixtures[1]!.signIn('watcher')
    const ben = await processes.fixtures[0]!.signIn('ben')
    for (const one of [client, ben]) one.send({ type: 'join', ref: 1, project: processes.project })
    await pass(500)
    const watcher = new Onlooker(client)
    for (const ms of [10, 50, 90, 130]) {
      show(ben)
      await pass(ms)
      ben.send({ type: 'leave', ref: 2, project: processes.project })
      await pass(2_000)
      expect([watcher.people, watcher.count ?? 0], `after ${ms} ms`).toEqual([{}, 0])
      ben.send({ type: 'join', ref: 3, project: processes.project })
      await pass(500)
    }
  })

  test('[R2] [J7] who is told to join again and does not is shown as long as its process hears the project', async () => {
    const watcher = await processes.onlooker(0)
    const ben = await processes.join(1, 'ben')
    show(ben)
    await pass(1_000)
    await processes.wires[1]!.mend()
    expect(ben.types).toContain('rejoin')
    // It may still say what it is at.
    ben.send({ type: 'presence', project: processes.project, state: { page: 2 } })
    await pass(4_900)
    expect(Object.values(watcher.people)).toMatchObject([{ state: { page: 2 } }])
    await pass(500)
    expect([watcher.people, watcher.count]).toEqual([{}, 0])
    ben.received.length = 0
    ben.send({ type: 'presence', project: processes.project, state: {} })
    expect(ben.received).toMatchObject([{ type: 'error', ref: null, code: 'NOT_JOINED' }])
  })

  test('[R5] a process that stops takes its sessions with it at once', async () => {
    const watcher = await processes.onlooker(0)
    show(await processes.join(1, 'ben'))
    await pass(1_000)
    expect(watcher.count).toBe(1)
    await processes.fixtures[1]!.live.stop()
    await pass(250)
    expect([watcher.people, watcher.count]).toEqual([{}, 0])
  })
})
