import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { WebSocket } from 'ws'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

test('npm run fleet opens two processes behind one address, tells of one that dies while the other goes on, and ends them all', async () => {
  const env = { ...process.env, PORT: '0', DEMO: 'off' }
  const fleet = spawn(process.execPath, ['--import', 'tsx', 'scripts/fleet.ts'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void fleet.kill('SIGKILL'))
  const lines: string[] = []
  createInterface({ input: fleet.stdout }).on('line', (line) => lines.push(line))
  /** What stands in the parentheses, in the first line that matches. */
  const said = (pattern: RegExp) =>
    vi.waitUntil(() => lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined), { timeout: 30_000 })

  const address = await said(/^the fleet is open at (\S+)/)
  const code = await said(/^ {2}Ana .*#signin=(.*)$/)
  const pids = [await said(/^ {2}serve 1 +pid (\d+)/), await said(/^ {2}serve 2 +pid (\d+)/), await said(/^ {2}work 1 +pid (\d+)/)].map(
    Number,
  )
  await said(/^(others: )/)

  const signedIn = await fetch(`${address}/v1/sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: address },
    body: JSON.stringify({ code }),
  })
  expect(signedIn.status).toBe(201)
  const cookie = signedIn.headers.get('set-cookie')!.split(';')[0]!
  /** The process that a new session gets. */
  const node = async () => {
    const socket = new WebSocket(`${address.replace('http', 'ws')}/v1/live`, { headers: { cookie, origin: address } })
    await once(socket, 'open')
    socket.send('{"type":"hello"}')
    const [frame] = await once(socket, 'message')
    socket.close()
    return JSON.parse(String(frame)).node as string
  }
  const [one, other] = [await node(), await node()]
  expect(one).toBeTypeOf('string')
  expect(other).not.toBe(one)

  process.kill(pids[1]!, 'SIGKILL')
  await said(/^(serve 2 ended \(SIGKILL\); the others go on)$/)
  const left = [await node(), await node()]
  expect(new Set(left).size).toBe(1)

  fleet.kill('SIGINT')
  expect(await once(fleet, 'exit')).toEqual([0, null])
  expect(pids.filter(isAlive)).toEqual([])
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
