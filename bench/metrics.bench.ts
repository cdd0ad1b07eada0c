// `npm run bench:metrics`: what counting costs on the way of news to sockets: the same flushes with and without a metrics object (an option of
// the constructor), in turn. The sockets take what they are given and do nothing, so the share of the counting is larger here than anywhere.
// Writes docs/results/metrics.md. Ends with exit code 1 when the cost rises with the number of sockets.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { BusMessage } from '../src/bus/bus.js'
import { newId, type ProjectId } from '../src/ids.js'
import type { LiveMetrics } from '../src/metrics/live-metrics.js'
import { jsonCodec } from '../src/protocol/json-codec.js'
import type { Clock } from '../src/sessions/clock.js'
import { Feed, FLUSH_MAX_MS } from '../src/sessions/feed.js'
import { WsFrames } from '../src/transport/ws-frames.js'
import { newMetrics } from '../test/metrics/exposition.js'

const SOCKETS = [1, 100, 1_000]
const RUNS = 9
/** Per run, so that one takes about as long with any number of sockets. */
const WRITES = 400_000
const MAX_FLUSHES = 20_000
/** Above what the clock of a shared machine makes of nothing. */
const MAX_US = 25

/** Microseconds of processor time of a flush of one event. */
function usPerFlush(sockets: number, metrics: LiveMetrics | null): number {
  const clock = new StepClock()
  const sinks = Array.from({ length: sockets }, () => new Writable({ write: (_chunk, _encoding, done) => done() }))
  const project = newId<ProjectId>()
  const feed = new Feed({
    project,
    clock,
    metrics,
    counters: { encodings: 0, flushes: 0, frames: 0 },
    transport: {
      prepare: (messages) => new WsFrames(messages),
      push(_topic, frames, onDone) {
        // Made by `prepare` above.
        for (const sink of sinks) sink.write((frames as WsFrames).wire)
        onDone()
      },
    },
    onLatest: () => undefined,
    keepsTombstones: () => false,
  })
  feed.begin({ head: { epoch: 'one', seq: 0, id: '', n: 0 }, latest: [] })
  for (let index = 0; index < sockets; index++) feed.countSession(jsonCodec, 1)
  const flushes = Math.min(MAX_FLUSHES, WRITES / sockets)
  // Of the processor, for the machine may have other things to do.
  const before = process.cpuUsage()
  for (let seq = 1; seq <= flushes; seq++) {
    feed.deliver(messageOf(project, seq))
    clock.step()
  }
  const { user, system } = process.cpuUsage(before)
  feed.close()
  return (user + system) / flushes
}

function messageOf(project: ProjectId, seq: number): BusMessage {
  const body = '{"actor":null,"data":{"match":"0199c1f2-7a3e-7000-8000-0123456789ab","status":"approved","version":2}}'
  return {
    project,
    epoch: 'one',
    n: seq,
    events: [{ seq, id: `e${seq}`, type: 'demo.event', at: '2026-01-01T00:00:00.000Z', body }],
    latest: [],
  }
}

/** Time that passes when it is told to. */
class StepClock implements Clock {
  #now = 0
  #due: (() => void) | null = null

  now(): number {
    return this.#now
  }

  today(): number {
    return this.#now
  }

  random(): number {
    return 0.5
  }

  after(_delayMs: number, callback: () => void): () => void {
    this.#due = callback
    return () => {
      this.#due = null
    }
  }

  step(): void {
    this.#now += FLUSH_MAX_MS
    const due = this.#due
    this.#due = null
    due?.()
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]!
}

function page(): string {
  const lines = rows.map(({ sockets, off, on }) => {
    return `| ${sockets.toLocaleString('en')} | ${off.toFixed(2)} | ${on.toFixed(2)} | ${(on - off).toFixed(2)} | ${((100 * (on - off)) / off).toFixed(1)} % |`
  })
  return `# What metrics cost on the way of news

\`npm run bench:metrics\` on ${cpus()[0]?.model ?? 'an unknown processor'} × ${cpus().length}, Node ${process.versions.node}, load ${loadavg()[0]!.toFixed(1)} at the end.
Flushes of one event in one codec to sockets that do nothing with what they take; median of ${RUNS} runs each, in turn.

| Sockets | µs of processor per flush without | with | difference | share |
| ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}
`
}

const HERE = fileURLToPath(new URL('.', import.meta.url))
const rows = SOCKETS.map((sockets) => {
  const runs = { off: [] as number[], on: [] as number[] }
  const { live } = newMetrics()
  // Nothing is compiled when the first one is measured.
  for (const metrics of [null, live]) usPerFlush(sockets, metrics)
  for (let run = 0; run < RUNS; run++) {
    const order = run % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)
    for (const which of order) runs[which].push(usPerFlush(sockets, which === 'on' ? live : null))
  }
  const [off, on] = [median(runs.off), median(runs.on)]
  console.log(`${sockets} sockets: ${off.toFixed(2)} µs per flush without, ${on.toFixed(2)} with`)
  return { sockets, off, on }
})
mkdirSync(`${HERE}../docs/results`, { recursive: true })
writeFileSync(`${HERE}../docs/results/metrics.md`, page())
console.log('docs/results/metrics.md is written')
process.exitCode = rows.every(({ off, on }) => on - off < MAX_US) ? 0 : 1
