// `npm run expectations`: every figure that was promised, measured without and with what it was promised of; writes docs/results/expectations.md.
// `npm run expectations -- cache jobs` measures these groups alone, and prints instead of writing. Postgres, Redis and Chromium:
// TEST_DATABASE_URL, TEST_REDIS_URL and TEST_CHROMIUM, or those that the tests' support finds.
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { provide, stopAll } from '../test/support/services.js'
import { cache } from './expectations/cache.js'
import { database } from './expectations/database.js'
import { type Expectation, FIGURES, isMet } from './expectations/expectation.js'
import { frontEnd } from './expectations/front-end.js'
import { http } from './expectations/http.js'
import { jobs } from './expectations/jobs.js'
import { pageOf } from './expectations/page.js'
import { sessions } from './expectations/sessions.js'

const RESULTS = fileURLToPath(new URL('../docs/results/', import.meta.url))
const GROUPS = { database, cache, http, sessions, jobs, 'front-end': frontEnd } as const

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in GROUPS))
if (unknown.length > 0) {
  console.error(`no such group: ${unknown.join(', ')}; there are ${Object.keys(GROUPS).join(', ')}`)
  process.exit(2)
}
const startedAt = performance.now()
const loadAtStart = loadavg()[0]!
try {
  for (const service of ['postgres', 'redis', 'chromium'] as const) {
    const missing = await provide(service)
    if (missing !== null) throw new Error(`NOT RUN: ${service} (${missing})`)
  }
  const expectations: Expectation[] = []
  for (const [name, measure] of Object.entries(GROUPS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const groupAt = performance.now()
    expectations.push(...(await measure()))
    console.log(`${name}: ${Math.round((performance.now() - groupAt) / 1_000)} s`)
  }
  const page = pageOf({ expectations, loadAtStart, seconds: (performance.now() - startedAt) / 1_000 })
  if (wanted.length > 0) console.log(page)
  else {
    const unmeasured = FIGURES.filter((figure) => !expectations.some((expectation) => expectation.figure === figure))
    if (unmeasured.length > 0) throw new Error(`nothing measures ${unmeasured.join(', ')}`)
    mkdirSync(RESULTS, { recursive: true })
    writeFileSync(`${RESULTS}expectations.md`, page)
    console.log(`docs/results/expectations.md is written; ${expectations.filter(isMet).length} of ${expectations.length} are met`)
  }
} finally {
  await stopAll()
}
