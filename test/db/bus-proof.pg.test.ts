import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newestBusProofMs, recordBusProof } from '../../src/db/bus-proof.js'
import { DATABASES, type TestDatabase } from './test-databases.js'

describe.each(DATABASES)('proofs of delivery on $name', ({ create }) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await create()
  })
  afterAll(() => database.close())

  test('[D9] the newest of all processes counts, whoever tells it last', async () => {
    const { db } = database
    expect(await newestBusProofMs(db)).toBeNull()
    await recordBusProof(db, 50_000)
    expect(await newestBusProofMs(db)).toBeGreaterThanOrEqual(50_000)
    await recordBusProof(db, 10_000)
    await recordBusProof(db, 30_000)
    const newest = await newestBusProofMs(db)
    expect(newest).toBeGreaterThanOrEqual(9_999)
    expect(newest).toBeLessThan(25_000)
  })
})
