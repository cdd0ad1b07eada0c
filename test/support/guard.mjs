// Keeps a service for exactly as long as the test run lives. Its standard input is a pipe that the run holds open: when the run ends,
// however it ends (kill -9 too), the pipe closes, the service is stopped and its folder removed. Runs in a session of its own, so
// that Ctrl-C in a terminal reaches the run and not the services.
// First line of the input: { steps: [[command, ...args], …], env, uid?, gid?, dir, stopSignal }. The last step stays. What it is
// told is said on standard output as JSON lines: { state: 'running', pid } or { state: 'failed', reason }.
import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'

const STOP_MS = 5_000
const TAIL_CHARS = 2_000

let child = null
let stopping = false
let stopSignal = 'SIGTERM'
let dir = null

const lines = createInterface({ input: process.stdin })
lines.once('line', (line) => {
  const order = JSON.parse(line)
  dir = order.dir
  stopSignal = order.stopSignal
  run(order).catch((error) => end(String(error)))
})
lines.once('close', stop)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, stop)

async function run({ steps, env, uid, gid }) {
  for (const [index, [command, ...args]] of steps.entries()) {
    if (stopping) return
    const isLast = index === steps.length - 1
    const { code, tail } = await exitOf(command, args, { env, uid, gid, cwd: dir }, isLast)
    if (stopping) return
    if (isLast || code !== 0) return end(`${command} ended (${code}): ${tail.trim()}`)
  }
}

function exitOf(command, args, options, announces) {
  return new Promise((resolve, reject) => {
    let tail = ''
    // A group of its own, so that its children can be ended with it.
    child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        tail = (tail + data).slice(-TAIL_CHARS)
      })
    child.once('error', reject)
    if (announces) child.once('spawn', () => say({ state: 'running', pid: child.pid }))
    child.once('close', (code, signal) => {
      child = null
      resolve({ code: code ?? signal, tail })
    })
  })
}

function stop() {
  if (stopping) return
  stopping = true
  if (child === null) return end(null)
  const { pid } = child
  const timer = setTimeout(() => kill(-pid, 'SIGKILL'), STOP_MS)
  child.once('exit', () => {
    clearTimeout(timer)
    // What it has left behind.
    kill(-pid, 'SIGKILL')
    end(null)
  })
  kill(pid, stopSignal)
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {
    // It has just ended by itself.
  }
}

function end(reason) {
  if (dir !== null) rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
  if (reason !== null) say({ state: 'failed', reason })
  process.exit(reason === null ? 0 : 1)
}

function say(message) {
  // The run may be gone already.
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
process.stdout.on('error', () => undefined)
