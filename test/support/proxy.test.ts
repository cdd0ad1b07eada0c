import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { TcpProxy } from './proxy.js'

const MANY_BYTES = 8 * 1024 * 1024

/** Says its name, then everything that it hears. */
class Echo {
  readonly server: Server
  readonly sockets: Socket[] = []

  constructor(name: string) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.push(socket)
      socket.on('error', () => undefined)
      socket.write(name)
      socket.pipe(socket)
    })
  }

  async open(): Promise<string> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    return `tcp://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    const closed = this.server.listening && once(this.server, 'close')
    this.server.close()
    for (const socket of this.sockets) socket.destroy()
    await closed
  }
}

describe('a wire', () => {
  let echoes: readonly Echo[]
  let targets: readonly string[]
  let proxy: TcpProxy

  beforeEach(async () => {
    echoes = [new Echo('a'), new Echo('b')]
    targets = await Promise.all(echoes.map((echo) => echo.open()))
    proxy = await TcpProxy.open(...targets)
  })
  afterEach(async () => {
    await proxy.pullOut()
    await Promise.all(echoes.map((echo) => echo.close()))
  })

  const dial = () => connect(proxy.port, '127.0.0.1').on('error', () => undefined)
  const read = async (socket: Socket) => String((await once(socket, 'data'))[0])
  /** All that comes until the other side ends. */
  const readAll = (socket: Socket) => buffer(socket)

  test('gives connections to its targets in turn, and passes over one that does not listen', async () => {
    expect([await read(dial()), await read(dial()), await read(dial())]).toEqual(['a', 'b', 'a'])
    await echoes[1]!.close()
    expect([await read(dial()), await read(dial())]).toEqual(['a', 'a'])
    await echoes[0]!.close()
    expect(await readAll(dial())).toEqual(Buffer.alloc(0))
    expect(proxy.connections).toBe(6)
  })

  test('carries everything both ways, whole, also what was said just before the end', async () => {
    const socket = dial()
    const bytes = Buffer.alloc(MANY_BYTES, 'xyz')
    socket.end(bytes)
    expect((await readAll(socket)).equals(Buffer.concat([Buffer.from('a'), bytes]))).toBe(true)
  })

  test('held, lets nothing pass and stays open; released, loses nothing', async () => {
    const socket = dial()
    await read(socket)
    proxy.hold()
    const held = dial()
    const heard: string[] = []
    for (const one of [socket, held]) one.on('data', (data) => heard.push(String(data)))
    socket.write('1')
    held.write('2')
    await vi.waitUntil(() => echoes[1]!.sockets.length === 1, { timeout: 10_000 })
    // In this time others are answered.
    const other = connect(Number(new URL(targets[0]!).port), '127.0.0.1')
    for (let times = 0; times < 3; times++) {
      await read(other)
      other.write('x')
    }
    expect(heard).toEqual([])
    proxy.release()
    await vi.waitUntil(() => heard.join('').length === 3, { timeout: 10_000, interval: 1 })
    expect(heard.join('').split('').sort()).toEqual(['1', '2', 'b'])
  })

  test('slow, takes its time each way and changes no order, also when it becomes fast again', async () => {
    const socket = dial()
    await read(socket)
    proxy.delay(25)
    const startedAt = performance.now()
    socket.write('1')
    await vi.waitUntil(() => performance.now() - startedAt > 2, { interval: 1 })
    proxy.delay(0)
    socket.end('2')
    expect(String(await readAll(socket))).toBe('12')
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(24)
  })

  test('cut, ends connections and takes new ones; pulled out, refuses them until it is plugged in again', async () => {
    const socket = dial()
    await read(socket)
    proxy.cut()
    await once(socket, 'close')
    expect(await read(dial())).toBe('b')
    const { port } = proxy
    await proxy.pullOut()
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await proxy.plugIn()
    expect(proxy.port).toBe(port)
    expect(await read(dial())).toBe('a')
    proxy.turnAway()
    expect(await readAll(dial())).toEqual(Buffer.alloc(0))
  })

  test('ends one side when the other breaks', async () => {
    const socket = dial()
    await read(socket)
    echoes[0]!.sockets[0]!.resetAndDestroy()
    await once(socket, 'close')
    const other = dial()
    await read(other)
    other.resetAndDestroy()
    await once(echoes[1]!.sockets[0]!, 'close')
  })
})
