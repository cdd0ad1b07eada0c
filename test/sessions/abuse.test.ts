import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, test } from 'vitest'
import { LIVE_PATH } from '../../src/protocol/version.js'
import { BINARY, RawClient, TEXT } from '../transport/raw-client.js'
import { LiveFixture, type LiveFixtureOptions } from './live-fixture.js'
import { ShiftedClock } from './shifted-clock.js'

setFlagsFromString('--expose-gc')
const SILENT_CLIENTS = fileURLToPath(new URL('./silent-clients.mjs', import.meta.url))
const collect: () => void = runInNewContext('gc')

/** Ten thousand, where a process may have so many files. */
const SILENT = Math.min(10_000, openFilesAllowed() - 2_000)

let fixture: LiveFixture
const open = async (options: LiveFixtureOptions = {}) => {
  fixture = await LiveFixture.open(options)
}
afterEach(() => fixture.close())

const heap = () => {
  collect()
  return process.memoryUsage().heapUsed
}

function openFilesAllowed(): number {
  // Node's own report, whose types say nothing of its limits.
  const report = process.report.getReport() as unknown as {
    readonly userLimits: { readonly open_files: { readonly soft: number | string } }
  }
  const { soft } = report.userLimits.open_files
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY
}

describe('who wants no good', () => {
  test('[C4] ten thousand that never say hello are closed in time, cost little, and leave nothing', { timeout: 120_000 }, async () => {
    const clock = new ShiftedClock()
    await open({ clock, helloTimeoutMs: 30_000, sweepMs: 50 })
    const ana = await fixture.signIn('ana')
    const before = heap()
    const clients = spawn(process.execPath, [SILENT_CLIENTS, String(fixture.port), LIVE_PATH, String(SILENT)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(clients, 'exit')
    await once(clients.stdout, 'data')
    expect(fixture.live.census.sessions).toBe(SILENT + 1)
    expect((heap() - before) / SILENT).toBeLessThan(8 * 1024)
    await ana.sync()
    clock.shift(30_000)
    await fixture.until(() => fixture.live.census.sessions === 1)
    expect((await ended)[0]).toBe(0)
    await ana.sync()
    await fixture.until(() => heap() / before < 1.1)
  })

  test('[C6] floods of what cannot be read end the session, and what can be read is answered', async () => {
    await open()
    for (const garbage of ['{', '[]', '{"type":3}', '\u0000', '"hello"', '{"__proto__":{"type":"pong"}}']) {
      const client = await fixture.signIn('ana')
      for (let count = 0; count < 50; count++) client.raw(garbage)
      await client.expectClose(4501)
      expect(client.received).toHaveLength(10)
    }
    expect(({} as { readonly type?: unknown }).type).toBeUndefined()
  })

  test('[C6] keys like __proto__ and constructor change nothing but themselves', async () => {
    await open()
    const project = fixture.project({ ana: 'analyst' })
    const ana = await fixture.signIn('ana', { publish: '*' })
    await ana.joined(project)
    ana.raw(`{"type":"leave","ref":1,"project":"p","__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}`)
    expect(await ana.next('left')).toMatchObject({ ref: 1 })
    ana.raw(`{"type":"publish","ref":2,"project":"${project}","events":[{"type":"demo.event","data":{"__proto__":{"admin":true},"a":1}}]}`)
    expect(await ana.find('deliver')).toMatchObject({ events: [{ data: { a: 1 } }] })
    expect(({} as { readonly admin?: unknown }).admin).toBeUndefined()
  })

  test('[C8] floods of joins are refused without effect, and others notice nothing', async () => {
    await open()
    const projects = Array.from({ length: 10 }, () => fixture.project({ ana: 'analyst', ben: 'analyst' }))
    const [ana, ben] = [await fixture.signIn('ana'), await fixture.signIn('ben')]
    for (let count = 0; count < 2_000; count++) ana.join(projects[count % projects.length]!)
    await ben.joined(projects[0]!)
    await ana.until(() => ana.received.length === 2_000)
    const refused = ana.received.filter((message) => message.type === 'error' && message.code === 'RATE_LIMITED')
    expect(refused.length).toBeGreaterThan(1_800)
    await ana.sync()
  })

  test('[C4] a second hello, and a thousand more, are answered and change nothing', async () => {
    await open()
    const ana = await fixture.signIn('ana')
    const token = await fixture.token('ben')
    for (let count = 0; count < 1_000; count++) ana.send({ type: 'hello', token })
    for (let count = 0; count < 1_000; count++) expect(await ana.next('error')).toMatchObject({ code: 'ALREADY_HELLO' })
    await ana.sync()
  })

  test.each<[string, (client: RawClient) => void]>([
    ['a frame without a mask', (client) => client.send(TEXT, '{"type":"hello"}', { isMasked: false })],
    ['text that is not UTF-8', (client) => client.send(TEXT, Buffer.from([0x22, 0xc3, 0x28, 0x22]))],
    [
      'a thousand empty fragments',
      (client) => {
        client.send(TEXT, '{', { isLast: false })
        for (let count = 0; count < 1_000; count++) client.send(0, '', { isLast: false })
      },
    ],
    ['a frame of 65 KiB', (client) => client.send(TEXT, 'x'.repeat(65 * 1024))],
    ['half a frame, and the end', (client) => client.socket.end(Buffer.from([0x81, 0xfe, 0xff]))],
  ])('[C6] %s ends the session, and nobody else hears of it', async (_, breach) => {
    await open()
    const ana = await fixture.signIn('ana')
    const raw = await RawClient.open(fixture.port, LIVE_PATH)
    breach(raw)
    await fixture.until(() => fixture.live.census.sessions === 1)
    await ana.sync()
  })

  test('[C6] a binary frame first is no hello of JSON', async () => {
    await open()
    const raw = await RawClient.open(fixture.port, LIVE_PATH)
    raw.send(BINARY, '{"type":"hello"}')
    expect(JSON.parse((await raw.next())!.payload.toString())).toMatchObject({ type: 'error', code: 'HELLO_REQUIRED' })
    expect(await raw.closeCode()).toBe(4501)
  })
})
