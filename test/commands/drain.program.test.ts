import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { TestClient } from '../sessions/live-fixture.js'
import { BUSY_MS } from '../support/busy.js'
import { Program } from './program.js'

const SECRET = 'a secret of the tests, forty characters.'
const STOP_WITHIN_MS = 2_000

describe('a program with a live session', () => {
  let folder: string
  let program: Program
  let client: TestClient
  let url: string

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drain-'))
    program = new Program(['start'], { DATA_DIR: folder, PORT: '0', DEMO: 'off', AUTH_JWT_SECRET: SECRET, LOG_LEVEL: 'info' })
    url = (await program.said(/"liveUrl":"([^"]+)"/))[1]!
    client = await TestClient.open(url)
    const tokens = new TokenAuthority({ secret: Buffer.from(SECRET) })
    client.send({
      type: 'hello',
      token: await tokens.issueToken({ user: { id: 'ana', name: 'Ana' }, expiresAt: Date.now() + 3_600_000 }),
    })
    await client.next('welcome')
  })
  afterEach(async () => {
    program.signal('SIGKILL')
    await program.ended()
    rmSync(folder, { recursive: true })
  })

  test('[D10] SIGTERM sends it elsewhere and goes on serving it; when it has gone the program ends', async () => {
    program.signal('SIGTERM')
    const readyz = /readiness at (\S+)/.exec(program.printed)![1]!
    const { reconnectAfterMs, deadlineAt } = await client.next('goaway')
    expect(reconnectAfterMs).toBeLessThanOrEqual(14_000)
    expect(Date.parse(deadlineAt)).toBeGreaterThan(Date.now() + 15_000)
    await expect(TestClient.open(url)).rejects.toThrow('503')
    expect((await fetch(readyz)).status).toBe(503)
    const page = await fetch(new URL('/v1/me', url.replace('ws', 'http')))
    expect(page.status).toBe(401)
    await client.sync()
    const goneAt = performance.now()
    client.socket.close(1000)
    expect((await program.ended()).code).toBe(0)
    expect(performance.now() - goneAt).toBeLessThan(STOP_WITHIN_MS + BUSY_MS)
  })

  test.each([
    ['SIGINT', ['SIGINT']],
    ['a second SIGTERM', ['SIGTERM', 'SIGTERM']],
  ] as const)('[D10] %s closes it with 4000 and ends the program within 2 s', async (_, signals) => {
    if (signals.length > 1) {
      program.signal(signals[0])
      await client.next('goaway')
    }
    const askedAt = performance.now()
    program.signal(signals.at(-1)!)
    await client.expectClose(4000)
    expect((await program.ended()).code).toBe(0)
    expect(performance.now() - askedAt).toBeLessThan(STOP_WITHIN_MS + BUSY_MS)
  })
})
