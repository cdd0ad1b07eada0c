// `npm run fleet`: two processes that serve, one that works, a Postgres and a Redis that keep nothing, and a proxy in front, on
// http://localhost:8080 (PORT says another one, 0 a free one), with the sample unless DEMO=off. TEST_DATABASE_URL and TEST_REDIS_URL name servers
// that run already. Ctrl-C ends all.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ANA, BEN, createDemo } from '../src/commands/demo.js'
import { signInLink } from '../src/commands/link.js'
import { openDatabase } from '../src/db/client.js'
import { createServerDatabase } from '../test/db/test-databases.js'
import { Fleet } from '../test/fleet/fleet.js'
import { provide, SERVICES, stopAll } from '../test/support/services.js'

const NAME_WIDTH = 8
const dataDir = mkdtempSync(join(tmpdir(), 'tallyroom-fleet-'))
const closers: (() => Promise<void>)[] = []
let fleet: Fleet | null = null
let isStopping = false

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait; what was started ends with this process.
    if (isStopping) process.exit(1)
    void end(0)
  })
}

try {
  await start()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  await end(1)
}

async function start(): Promise<void> {
  for (const name of ['postgres', 'redis'] as const) {
    const reason = await provide(name)
    if (reason !== null) throw new Error(`the fleet needs ${SERVICES[name].needs} (${reason}); install with ${SERVICES[name].install}`)
  }
  const database = await createServerDatabase()
  closers.push(() => database.drop())
  const { [SERVICES.redis.variable]: redisUrl = '', PORT: port = '8080' } = process.env
  fleet = await Fleet.start({
    databaseUrl: database.url,
    redisUrl,
    port: Number(port),
    environment: { DATA_DIR: dataDir, DEMO: 'off' },
    onLine: (name, line) => console.log(`${name.padEnd(NAME_WIDTH)}│ ${line}`),
    onEnded: (name, how) => console.log(`${name} ended (${how}); the others go on`),
  })
  if (isStopping) return
  const { address, secret, members } = fleet
  console.log(`\nthe fleet is open at ${address} · Ctrl-C ends it and forgets what it knew`)
  for (const [name, { pid }] of members) console.log(`  ${name.padEnd(NAME_WIDTH)}  pid ${pid}`)
  console.log(`  postgres  ${database.url}\n  redis     ${redisUrl}`)
  console.log('two people, open both side by side:')
  for (const user of [ANA, BEN]) console.log(`  ${user.name.padEnd(NAME_WIDTH)}  ${await signInLink(Buffer.from(secret), address, user)}`)
  console.log(`others: AUTH_JWT_SECRET=${secret} PUBLIC_URL=${address} npm run --silent tallyroom -- link --name NAME`)
  if (process.env.DEMO === 'off') return
  const { db, close } = await openDatabase({ address: { url: database.url }, poolSize: 1, applicationName: 'tallyroom fleet' })
  await createDemo(db, dataDir, console.log)
  await close()
}

async function end(code: number): Promise<void> {
  isStopping = true
  await fleet?.stop()
  for (const close of closers) await close()
  await stopAll()
  rmSync(dataDir, { recursive: true, force: true })
  process.exit(code)
}
