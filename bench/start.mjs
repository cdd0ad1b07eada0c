// `npm run bench:start`: what a new user waits for, measured on a fresh clone in a temporary folder; writes docs/results/start.md.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tallyroom-start-'))
const clone = join(folder, 'tallyroom')
const seconds = (ms) => (ms / 1000).toFixed(1)

/** Runs `npm start` until `until` has been printed; answers when each line came, and ends the program by SIGINT. */
async function start(until) {
  const startedAt = performance.now()
  const env = { ...process.env, PORT: '0', ADMIN_PORT: '0', DATA_DIR: join(folder, 'data') }
  const child = spawn('npm', ['start'], { cwd: clone, env, detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const seen = { ready: 0, progress: 0, end: 0, memory: 0, stop: 0 }
  for await (const line of createInterface(child.stdout)) {
    const at = performance.now() - startedAt
    if (line.startsWith('Tallyroom is open')) seen.ready = at
    if (line.includes(' % · ') && seen.progress === 0) seen.progress = at
    if (!line.includes(until)) continue
    seen.end = at
    break
  }
  // At rest: the job's thread has gone and garbage was collected after this long (worker.ts, FORGET_AFTER_MS).
  await new Promise((resolve) => setTimeout(resolve, 15_000))
  // The server is by far the largest.
  seen.memory = Math.max(...residentMb(child.pid).values())
  const stoppedAt = performance.now()
  // The whole group, as a terminal does it.
  process.kill(-child.pid, 'SIGINT')
  while (residentMb(child.pid).size > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  seen.stop = performance.now() - stoppedAt
  return seen
}

/** Resident memory of the processes of a group, by pid, in MB; npm and its shell are among them. */
function residentMb(group) {
  const found = new Map()
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [state, , ownGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      if (ownGroup !== String(group) || state === 'Z') continue
      found.set(pid, Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024)
    } catch {
      // Ended between two looks.
    }
  }
  return found
}

try {
  execFileSync('git', ['clone', '--quiet', ROOT, clone])
  const installedAt = performance.now()
  execFileSync('npm', ['ci', '--loglevel', 'error'], { cwd: clone, stdio: ['ignore', 'ignore', 'inherit'] })
  const install = performance.now() - installedAt
  const megabytes = Number(execFileSync('du', ['-sm', join(clone, 'node_modules')], { encoding: 'utf8' }).split('\t')[0])
  const packages = Object.keys(JSON.parse(readFileSync(join(clone, 'node_modules/.package-lock.json'), 'utf8')).packages).length
  const first = await start('is reconciled')
  const second = await start('Tallyroom is open')
  const rows = [
    ['`npm ci`', `${seconds(install)} s, ${megabytes} MB, ${packages} packages`],
    ['`npm start`, the first time, to the open room (build included)', `${seconds(first.ready)} s`],
    ['… to the first progress of the sample', `${seconds(first.progress)} s`],
    ['… to the reconciled sample', `${seconds(first.end)} s`],
    ['`npm start`, the second time, to the open room', `${seconds(second.ready)} s`],
    ['memory at rest after it', `${Math.round(second.memory)} MB`],
    ['Ctrl-C to the end', `${seconds(second.stop)} s`],
  ]
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 1024 ** 3)} GB, Node ${process.version}`
  const table = ['| step | measured |', '|---|---|', ...rows.map(([step, figure]) => `| ${step} | ${figure} |`)].join('\n')
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim()
  writeFileSync(
    join(ROOT, 'docs/results/start.md'),
    `# From an empty folder to a reconciled sample\n\nWritten by \`npm run bench:start\` at ${commit}; ${machine}.\n\n${table}\n`,
  )
  console.log(table)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
