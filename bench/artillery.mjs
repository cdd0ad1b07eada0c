// `npm run artillery`: starts the built program with its sample, lets Artillery (pinned, through npx) loose on it, prints p95 and the share of
// errors. Ends with exit code 1 when an answer was not what bench/artillery.yml expects: a route that was renamed, for instance.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The newest that runs on Node 20. */
const ARTILLERY = 'artillery@2.0.21'
const SECRET = 'a secret of the bench, of 32 characters or more'
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MAIN = join(ROOT, 'dist/main.js')

const folder = mkdtempSync(join(tmpdir(), 'tallyroom-artillery-'))
const environment = {
  ...process.env,
  DATA_DIR: join(folder, 'data'),
  DATABASE_URL: '',
  REDIS_URL: '',
  AUTH_JWT_SECRET: SECRET,
  PORT: '0',
  ADMIN_PORT: '0',
  DEMO: 'on',
  // Everybody comes from one address and as one user.
  RATE_LIMIT_FACTOR: '0',
  MAX_SESSIONS_PER_USER: '0',
}
const program = spawn(process.execPath, [MAIN, 'start'], { env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
// Whatever ends this one, the program is not left behind.
process.once('exit', () => program.kill('SIGINT'))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
try {
  const address = await opened(program)
  const token = execFileSync(process.execPath, [MAIN, 'token', '--user', 'bench', '--admin', '--publish'], {
    env: environment,
    encoding: 'utf8',
  }).trim()
  const { items } = await (await fetch(`${address}/v1/projects`, { headers: { authorization: `Bearer ${token}` } })).json()
  const report = join(folder, 'report.json')
  const code = await run('npx', ['--yes', ARTILLERY, 'run', '--output', report, join(ROOT, 'bench/artillery.yml')], {
    ...process.env,
    ADDRESS: address,
    LIVE_URL: `${address.replace('http', 'ws')}/v1/live`,
    TOKEN: token,
    PROJECT: items[0].id,
    ARTILLERY_DISABLE_TELEMETRY: 'true',
  })
  process.exitCode = tell(JSON.parse(readFileSync(report, 'utf8')).aggregate) && code === 0 ? 0 : 1
} finally {
  program.kill('SIGINT')
  await new Promise((resolve) => program.once('exit', resolve))
  rmSync(folder, { recursive: true, force: true })
}

/** Prints the figures; answers whether nothing failed. */
function tell({ counters, summaries }) {
  const errors = Object.entries(counters).filter(([name]) => name.startsWith('errors.'))
  const failed = errors.reduce((sum, [, count]) => sum + count, 0)
  const requests = (counters['http.requests'] ?? 0) + (counters['websocket.messages_sent'] ?? 0)
  const codes = Object.entries(counters).filter(([name]) => name.startsWith('http.codes.'))
  console.log(`${counters['http.requests']} requests, ${counters['websocket.messages_sent'] ?? 0} frames`)
  console.log(codes.map(([name, count]) => `${name.slice('http.codes.'.length)}: ${count}`).join(' · '))
  console.log(`HTTP p95 ${summaries['http.response_time'].p95} ms · errors ${((100 * failed) / requests).toFixed(2)} %`)
  for (const [name, count] of errors) console.log(`  ${count} × ${name.slice('errors.'.length)}`)
  return failed === 0 && (counters['vusers.failed'] ?? 0) === 0
}

/** The address of the program, once its sample is reconciled. */
async function opened(child) {
  let address = ''
  for await (const line of createInterface({ input: child.stdout })) {
    address = / is open at (\S+)/.exec(line)?.[1] ?? address
    if (line.startsWith('the sample is reconciled')) {
      child.stdout.resume()
      return address
    }
  }
  throw new Error('the program ended before its sample was reconciled')
}

function run(command, args, env) {
  return new Promise((resolve) => spawn(command, args, { env, stdio: 'inherit' }).once('exit', resolve))
}
