import { cpus, totalmem } from 'node:os'
import { type BesideSlow, LARGE_EVENT_BYTES, type Measured, type Run, WARM_SESSIONS, WINDOW_MS, WINDOWS } from './scenarios.js'

/** Above this the generator, not the server, may be what is measured. */
const MAX_GENERATOR_CPU = 0.85

const whole = (value: number) => Math.round(value).toLocaleString('en')
const percent = (share: number) => `${Math.round(share * 100)} %`
const times = (ratio: number | null) => (ratio === null ? '' : `${ratio.toFixed(2)} ×`)
/** A lower bound is marked as one. */
const bounded = (figure: number, generatorCpu: number) => `${generatorCpu > MAX_GENERATOR_CPU ? '≥ ' : ''}${whole(figure)}`

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map((_, index) => (index === 0 ? '---' : '---:')), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

/** docs/results/bench.md. */
export function pageOf(results: {
  readonly measured: readonly Measured[]
  readonly besideSlow: readonly BesideSlow[]
  /** Of the last minute before the first measurement. */
  readonly loadAtStart: number
  readonly seconds: number
}): string {
  const { measured } = results
  /** The same library without a protocol. */
  const rawOf = ({ peer }: Measured) =>
    measured.find((other) => peer.startsWith('tallyroom') && other.peer === peer.replace('tallyroom on', 'raw'))
  const socketIo = measured.find(({ peer }) => peer === 'Socket.IO')
  const latencies = (runOf: (one: Measured) => Run) =>
    table(
      ['', 'deliveries/s', 'bytes each', 'server CPU', 'of raw', 'p50 ms', 'p99 ms', 'of raw', 'generator CPU'],
      measured.map((one) => {
        const run = runOf(one)
        const raw = rawOf(one)
        return [
          one.peer,
          bounded(run.perSecond, run.generatorCpu),
          whole(run.bytesEach),
          percent(run.serverCpu),
          times(raw ? run.serverCpu / runOf(raw).serverCpu : null),
          run.p50Ms.toFixed(1),
          run.p99Ms.toFixed(1),
          times(raw ? run.p99Ms / runOf(raw).p99Ms : null),
          percent(run.generatorCpu),
        ]
      }),
    )
  return `# Live sessions

Made by \`npm run bench\` in ${whole(results.seconds)} s: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${whole(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}.
Server and generator are a process each on loopback, 16 source addresses; JSON, events of 200 bytes; each figure is the median of ${WINDOWS} windows of ${WINDOW_MS / 1_000} s, or of ${WINDOWS} openings.
Load of the machine at the start (1 min): ${results.loadAtStart.toFixed(1)}; where something else runs beside, the figures are worth little. \`raw\` is the same library without a protocol
(\`bench/live/raw-*.ts\`); ours verifies a token per session and has the full protocol on. ≥: the generator needed more than ${percent(MAX_GENERATOR_CPU)} of a core, so the figure is a lower bound and no claim.

## 1 room × 1,000 sessions, 50 events a second, one at a time

${latencies(({ single }) => single)}

Ours flushes a project at most every 16 ms; latency counts from when an event was due.

## 1 room × 1,000 sessions, as many events as it takes

${table(
  ['', 'deliveries/s', 'of Socket.IO', 'server CPU', 'generator CPU'],
  measured.map(({ peer, flood }) => [
    peer,
    bounded(flood.perSecond, flood.generatorCpu),
    times(socketIo ? flood.perSecond / socketIo.flood.perSecond : null),
    percent(flood.serverCpu),
    percent(flood.generatorCpu),
  ]),
)}

At most 450 events are on their way; batches of 50. Deliveries are counted by everybody's bytes and by the events in those of one session.

## 5,000 sessions in 100 rooms, 20,000 deliveries a second

${latencies(({ many }) => many)}

## 1 room × 10,000 sessions, 2 events a second

${latencies(({ big }) => big)}

## 10,000 sessions: coming and being there

${table(
  [
    '',
    'connect + hello + join, sessions/s',
    'the first time',
    'server CPU a session, µs',
    'generator CPU',
    'resident memory of an idle session, bytes',
  ],
  measured.map(({ peer, coming, idleBytes }) => [
    peer,
    bounded(coming.perSecond, coming.generatorCpu),
    whole(coming.firstPerSecond),
    whole(coming.serverUs),
    percent(coming.generatorCpu),
    whole(idleBytes),
  ]),
)}

\`raw\`: the handshake alone. 100 handshakes at once from one process; the server goes on between the openings. Memory: what 10,000 sessions need more than the first ${whole(WARM_SESSIONS)}, after forced collections.

## One slow reader in a hundred

${table(
  ['the 99 others, p99 ms', 'nobody is slow', 'one takes 1 KB/s', 'ratio', 'it takes nothing', 'ratio'],
  results.besideSlow.map(({ peer, without, slow, stopped }) => [
    peer,
    without.p99Ms.toFixed(1),
    slow.p99Ms.toFixed(1),
    times(slow.p99Ms / without.p99Ms),
    stopped.p99Ms.toFixed(1),
    times(stopped.p99Ms / without.p99Ms),
  ]),
)}

50 events a second of ${whole(LARGE_EVENT_BYTES)} bytes. When it reads on it is sent away as lagging, joins again, and the run ends only then.
`
}
