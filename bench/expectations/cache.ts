import { RedisLevel } from '../../src/cache/redis-level.js'
import { TieredCache } from '../../src/cache/tiered-cache.js'
import type { Db } from '../../src/db/client.js'
import { newId, type ProjectId } from '../../src/ids.js'
import { ProjectReads } from '../../src/reads/project-reads.js'
import { Random } from '../../src/sample/random.js'
import { createOnServer } from '../../test/db/test-databases.js'
import { type Expectation, inTurn } from './expectation.js'
import { importSample } from './sample-projects.js'

const KEYS = 10_000
const L1_ENTRIES = 1_000
const ASKED = 30_000
/** Of so many questions one follows a change of what it asks for. */
const CHANGE_EACH = 50
const READS = { off: 20, on: 2_000 }
const ROWS = 2_500

/** Both levels of the cache, over the Redis of TEST_REDIS_URL and the Postgres of TEST_DATABASE_URL. */
export async function cache(): Promise<Expectation[]> {
  const { db, close } = await createOnServer()
  try {
    return [await hitRatio(), await cachedReads(db, await importSample(db, { seed: 1, rows: ROWS }))]
  } finally {
    await close()
  }
}

/** One that shares its answers with nobody who is alive: its keys are its own. */
function redisLevel(): RedisLevel {
  return new RedisLevel({ url: process.env.TEST_REDIS_URL!, prefix: `bench-${newId()}` })
}

async function hitRatio(): Promise<Expectation> {
  const keys = zipfKeys(new Random(1))
  const measure = async (shared: RedisLevel | null) => {
    const tiered = new TieredCache({ shared, maxEntries: L1_ENTRIES })
    await tiered.start()
    for (const [no, key] of keys.entries()) {
      if (no % CHANGE_EACH === 0) await tiered.invalidate([key])
      await tiered.getOrLoad(key, { tags: [key], ttlMs: 240_000 }, async () => ({ key, state: 'open' }))
    }
    const { loads } = tiered.statistics
    await tiered.stop()
    return { share: 1 - loads / ASKED }
  }
  const { off, on } = await inTurn({ off: () => measure(null), on: () => measure(redisLevel()) })
  return {
    figure: 'hit ratio',
    promised: { kind: 'share', least: 0.8, most: 0.9 },
    unit: '%',
    off: {
      what: `the first level alone: ${L1_ENTRIES.toLocaleString('en')} entries for ${KEYS.toLocaleString('en')} keys by Zipf’s law, one question in ${CHANGE_EACH} after a change`,
      value: off.share,
    },
    on: { what: 'with Redis as the second level, empty at first', value: on.share },
  }
}

/** Keys by their rank, the k-th 1/k as often as the first. */
function zipfKeys(random: Random): string[] {
  const sums: number[] = []
  for (let rank = 1; rank <= KEYS; rank++) sums.push((sums.at(-1) ?? 0) + 1 / rank)
  return Array.from({ length: ASKED }, () => {
    const at = (random.int(2 ** 30) / 2 ** 30) * sums.at(-1)!
    let [low, high] = [0, KEYS - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (sums[middle]! < at) low = middle + 1
      else high = middle
    }
    return `zipf/${low}`
  })
}

async function cachedReads(db: Db, project: ProjectId): Promise<Expectation> {
  const none = new TieredCache({ shared: null, maxEntries: 0 })
  const tiered = new TieredCache({ shared: redisLevel() })
  await tiered.start()
  const measure = async (kept: TieredCache, reads: number) => {
    const projectReads = new ProjectReads({ db, cache: kept })
    const startedAt = performance.now()
    for (let read = 0; read < reads; read++) await projectReads.summary(project)
    return { ms: (performance.now() - startedAt) / reads }
  }
  const { off, on } = await inTurn({ off: () => measure(none, READS.off), on: () => measure(tiered, READS.on) })
  await tiered.stop()
  return {
    figure: 'cached reads',
    promised: { kind: 'less', least: 0.9, most: 0.9 },
    unit: 'ms',
    off: { what: `a project’s summary of ${(2 * ROWS).toLocaleString('en')} records by a cache that keeps nothing`, value: off.ms },
    on: { what: 'by both levels, after the first read', value: on.ms },
  }
}
