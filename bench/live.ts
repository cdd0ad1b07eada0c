// `npm run bench`: live sessions on both transports beside what they are built on and beside Socket.IO; writes docs/results/bench.md.
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { TokenAuthority } from '../src/sessions/auth.js'
import type { LoadCommand, LoadResult, Opened } from './live/load.js'
import { type Command, PEERS, type PeerName, type Stats } from './live/server.js'
import { SECRET } from './live/tallyroom.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const WINDOWS = 5
const WINDOW_MS = 1_500
const DAY_MS = 86_400_000
/** Above this the generator, not the server, may be what is measured. */
const MAX_GENERATOR_CPU = 0.85
const SETTLE_MS = 300

type Room = { readonly sessions: number; readonly rooms: number }
const A: Room = { sessions: 1_000, rooms: 1 }
const B: Room = { sessions: 5_000, rooms: 100 }
const IDLE: Room = { sessions: 10_000, rooms: 1 }

interface Run extends LoadResult {
  /** Share of a core that the server needed. */
  readonly serverCpu: number
}

/** A child process and its answers, one at a time. */
class Child<Asked extends { readonly kind: string }> {
  readonly process: ChildProcess
  onTaken: (events: number) => void = () => {}
  readonly port: Promise<number>
  #answered: (value: unknown) => void = () => {}
  #failed: (error: Error) => void = () => {}

  constructor(file: string, args: readonly string[]) {
    this.process = fork(`${HERE}live/${file}`, args, { execArgv: ['--expose-gc', '--import', 'tsx'] })
    this.port = new Promise((resolve, reject) => {
      this.process.on('message', (message: { port?: number; taken?: number; value?: unknown }) => {
        if (message.port !== undefined) resolve(message.port)
        else if (message.taken !== undefined) this.onTaken(message.taken)
        else this.#answered(message.value)
      })
      this.process.on('exit', (code) => {
        const error = new Error(`${file} ${args} ended with ${code}`)
        reject(error)
        this.#failed(error)
      })
    })
    this.port.catch(() => undefined)
  }

  // The answer's type is what the command's own file says.
  ask<Answer>(command: Asked): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#answered = (value) => resolve(value as Answer)
      this.#failed = reject
      this.process.send(command)
    })
  }

  tell(command: Asked): void {
    this.process.send(command)
  }

  async end(): Promise<void> {
    if (!this.process.connected) return
    const ended = new Promise((resolve) => this.process.once('exit', resolve))
    this.process.disconnect()
    await ended
  }
}

/** A fresh server with sessions that have joined. */
async function withSessions<Result>(
  peer: PeerName,
  { sessions, rooms }: Room,
  use: (parts: {
    server: Child<Command>
    load: Child<LoadCommand>
    names: readonly string[]
    opened: Opened
    before: Stats
  }) => Promise<Result>,
): Promise<Result> {
  const server = new Child<Command>('server.ts', [peer])
  const load = new Child<LoadCommand>('load.ts', [])
  try {
    const names = Array.from({ length: rooms }, (_, index) => `0192f000-0000-7000-8000-${String(index).padStart(12, '0')}`)
    const port = await server.port
    const before = await server.ask<Stats>({ kind: 'stats' })
    const opened = await load.ask<Opened>({ kind: 'open', peer, port, sessions, rooms: names, tokens })
    load.onTaken = (events) => server.tell({ kind: 'taken', events })
    await settle()
    return await use({ server, load, names, opened, before })
  } finally {
    await load.end()
    await server.end()
  }
}

const settle = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS))

async function measure(
  parts: { server: Child<Command>; load: Child<LoadCommand> },
  mode: 'latency' | 'count',
  command: Command,
): Promise<Run> {
  const { server, load } = parts
  await load.ask({ kind: 'begin', mode })
  const before = await server.ask<Stats>({ kind: 'stats' })
  const startedAt = performance.now()
  await server.ask<number>(command)
  await settle()
  const after = await server.ask<Stats>({ kind: 'stats' })
  const wallUs = (performance.now() - startedAt) * 1_000
  const result = await load.ask<LoadResult>({ kind: 'end' })
  return { ...result, serverCpu: (after.cpuUs - before.cpuUs) / wallUs }
}

interface Measured {
  readonly peer: PeerName
  readonly single: Run
  readonly flood: Run
  readonly many: Run
  readonly opened: Opened
  readonly idleBytes: number
}

/** Repeats it; the median by what is looked at. */
async function repeated(measureOnce: () => Promise<Run>, key: (run: Run) => number): Promise<Run> {
  const runs: Run[] = []
  for (let count = 0; count < WINDOWS; count++) runs.push(await measureOnce())
  return medianOf(runs, key)
}

async function measurePeer(peer: PeerName): Promise<Measured> {
  const paced = (parts: { server: Child<Command>; load: Child<LoadCommand>; names: readonly string[] }, perSecond: number) =>
    repeated(
      () => measure(parts, 'latency', { kind: 'pace', rooms: parts.names, perSecond, ms: WINDOW_MS }),
      (run) => run.serverCpu,
    )
  const room = await withSessions(peer, A, async (parts) => ({
    single: await paced(parts, 50),
    flood: await repeated(() => measure(parts, 'count', { kind: 'flood', room: parts.names[0]!, ms: WINDOW_MS }), perSecond),
  }))
  const many = await withSessions(peer, B, (parts) => paced(parts, 4))
  const idle = await withSessions(peer, IDLE, async ({ server, opened, before }) => {
    const after = await server.ask<Stats>({ kind: 'stats' })
    return { opened, idleBytes: (after.rssBytes - before.rssBytes) / IDLE.sessions }
  })
  return { peer, ...room, many, ...idle }
}

/** The middle one by what is looked at. */
function medianOf<Item>(items: readonly Item[], key: (item: Item) => number): Item {
  return [...items].sort((a, b) => key(a) - key(b))[items.length >> 1]!
}

const whole = (value: number) => Math.round(value).toLocaleString('en')
const percent = (share: number) => `${Math.round(share * 100)} %`
const bound = ({ cpu }: Opened) => (cpu > MAX_GENERATOR_CPU ? '≥ ' : '')
const perSecond = (run: Run) => (run.events / run.ms) * 1_000

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function latencyTable(runs: readonly { readonly peer: PeerName; readonly run: Run }[]): string {
  return table(
    ['', 'deliveries/s', 'bytes each', 'server CPU', 'p50 ms', 'p99 ms', 'generator CPU'],
    runs.map(({ peer, run }) => [
      peer,
      `${bound(run)}${whole(perSecond(run))}`,
      whole(run.bytes / run.events),
      percent(run.serverCpu),
      run.p50Ms.toFixed(1),
      run.p99Ms.toFixed(1),
      percent(run.cpu),
    ]),
  )
}

if (!existsSync(`${HERE}node_modules/socket.io`))
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel', 'error'], { cwd: HERE, stdio: 'inherit' })
const startedAt = performance.now()
const loadAtStart = loadavg()[0]!
const authority = new TokenAuthority({ secret: SECRET })
const tokens = await Promise.all(
  Array.from({ length: IDLE.sessions }, (_, index) => {
    const id = `user-${index}`
    return authority.issueToken({ user: { id, name: id }, expiresAt: Date.now() + DAY_MS, projects: { '*': 'viewer' } })
  }),
)
const all: Measured[] = []
for (const peer of PEERS) {
  const measured = await measurePeer(peer)
  all.push(measured)
  console.log(`${peer}: ${whole(perSecond(measured.flood))} deliveries/s at most, ${whole(measured.idleBytes)} bytes per idle session`)
}
const socketIoRate = perSecond(all.find(({ peer }) => peer === 'Socket.IO')!.flood)
const page = `# Live sessions

Made by \`npm run bench\` in ${whole((performance.now() - startedAt) / 1_000)} s: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${whole(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}.
Server and generator are a process each on loopback, 4 source addresses; JSON, events of 200 bytes, medians of ${WINDOWS} windows of ${WINDOW_MS / 1_000} s on one server.
Load of the machine at the start (1 min): ${loadAtStart.toFixed(1)}; above 0.5 something else ran beside, and the figures are worth little. \`raw\` is the same library without a protocol (\`bench/live/raw-*.ts\`); ours verifies a token per session and has the full protocol on. ≥: the
generator needed more than ${percent(MAX_GENERATOR_CPU)} of a core, so the figure is a lower bound and no claim.

## 1 room × 1,000 sessions, 50 events a second, one at a time

${latencyTable(all.map(({ peer, single: run }) => ({ peer, run })))}

Ours flushes a project at most every 16 ms; latency counts from when an event was due.

## 1 room × 1,000 sessions, as many events as it takes

${table(
  ['', 'deliveries/s', 'of Socket.IO', 'server CPU', 'generator CPU'],
  all.map(({ peer, flood: run }) => [
    peer,
    `${bound(run)}${whole(perSecond(run))}`,
    `${(perSecond(run) / socketIoRate).toFixed(1)} ×`,
    percent(run.serverCpu),
    percent(run.cpu),
  ]),
)}

At most 450 events are on their way; batches of 50. Deliveries are counted by everybody's bytes and by the events in those of one session.

## 5,000 sessions in 100 rooms, 20,000 deliveries a second

${latencyTable(all.map(({ peer, many: run }) => ({ peer, run })))}

## 10,000 sessions in one room: coming and being there

${table(
  ['', 'connect + hello + join, sessions/s', 'generator CPU', 'resident memory, bytes per idle session'],
  all.map(({ peer, opened, idleBytes }) => [
    peer,
    `${bound(opened)}${whole((IDLE.sessions / opened.ms) * 1_000)}`,
    percent(opened.cpu),
    whole(idleBytes),
  ]),
)}

\`raw\`: the handshake alone. 100 handshakes at once from one process; one opening each, no median.
`
mkdirSync(`${HERE}../docs/results`, { recursive: true })
writeFileSync(`${HERE}../docs/results/bench.md`, page)
console.log('docs/results/bench.md is written')
