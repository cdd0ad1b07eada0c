import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

/** Whom services run as; null: whoever runs the tests. */
export interface ServiceUser {
  readonly uid: number
  readonly gid: number
}

export interface ServiceOrder {
  /** Commands with their arguments, one after the other; the last one is the service and stays. */
  readonly steps: readonly (readonly string[])[]
  /** Made by {@link makeServiceDir}; removed with the service. */
  readonly dir: string
  readonly stopSignal: NodeJS.Signals
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
}

export interface GuardedProcess {
  readonly pid: number
  /** Rejects when the service ends by itself. */
  readonly ended: Promise<never>
  stop(): Promise<void>
}

type GuardMessage = { readonly state: 'running'; readonly pid: number } | { readonly state: 'failed'; readonly reason: string }

const GUARD = fileURLToPath(new URL('./guard.mjs', import.meta.url))

/** Postgres refuses to run as root, and no service of a test needs to. Null where we are somebody else already. */
export function serviceUser(): ServiceUser | null {
  if (process.getuid?.() !== 0) return null
  const users = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = users.find((line) => line.startsWith(`${name}:`))?.split(':') ?? []
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) }
  }
  return { uid: 65_534, gid: 65_534 }
}

/** A fresh folder that belongs to the {@link serviceUser}. */
export function makeServiceDir(name: string): string {
  const user = serviceUser()
  // TMPDIR of root may lie where nobody else can go.
  const dir = mkdtempSync(join(user === null ? tmpdir() : '/tmp', `tallyroom-test-${name}-`))
  if (user !== null) chownSync(dir, user.uid, user.gid)
  return dir
}

/**
 * Starts a service that ends with this process, whatever ends it (guard.mjs).
 * @throws Error with the last words of the step that failed.
 */
export async function startGuarded({ steps, dir, stopSignal, env = {} }: ServiceOrder): Promise<GuardedProcess> {
  const guard = spawn(process.execPath, [GUARD], { detached: true, stdio: ['pipe', 'pipe', 'inherit'], cwd: '/' })
  const exited = once(guard, 'exit')
  // Its pipe breaks when it ends first; `exited` tells.
  guard.stdin.on('error', () => undefined)
  guard.stdin.write(`${JSON.stringify({ steps, dir, stopSignal, env: { ...process.env, ...env }, ...serviceUser() })}\n`)
  const { running, ended } = listen(guard, exited)
  const pid = await Promise.race([running, ended])
  // Neither the guard nor its pipes keep the run alive.
  guard.unref()
  // Pipes to a child are sockets.
  for (const pipe of [guard.stdin as unknown, guard.stdout as unknown]) (pipe as Socket).unref()
  return {
    pid,
    ended,
    async stop() {
      guard.ref()
      guard.stdin.end()
      await exited
    },
  }
}

/** `running` is the service's pid; `ended` rejects when it fails or ends. */
function listen(guard: ChildProcessByStdio<Writable, Readable, null>, exited: Promise<unknown>) {
  let running: Promise<number> | undefined
  const ended = new Promise<never>((_, reject) => {
    void exited.then(() => reject(new Error('its guard ended')))
    running = new Promise((resolve) => {
      createInterface({ input: guard.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as GuardMessage
        if (message.state === 'running') resolve(message.pid)
        else reject(new Error(message.reason))
      })
    })
  })
  ended.catch(() => undefined)
  return { running: running!, ended }
}

/** A port of loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address')
  return address.port
}

/** Calls `attempt` until it answers without an error. @throws the last error after `timeoutMs`, or when the service ends. */
export async function untilReady(service: GuardedProcess, attempt: () => Promise<void>, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    try {
      await Promise.race([attempt(), service.ended])
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
      await Promise.race([new Promise((resolve) => setTimeout(resolve, 20)), service.ended])
    }
  }
}
