import { afterAll, beforeAll, expect, test } from 'vitest'
import { ANA, needsDemo } from '../../src/commands/demo.js'
import { createProject, hasProjects } from '../../src/db/projects.js'
import { createEmbedded, type TestDatabase } from '../db/test-databases.js'

let database: TestDatabase
beforeAll(async () => {
  database = await createEmbedded()
})
afterAll(() => database.close())

test('a sample is made on a fresh embedded database, again when it was interrupted, and never beside a project of people', async () => {
  const { db } = database
  expect(await needsDemo(db, true, 'auto')).toBe(true)
  expect(await needsDemo(db, false, 'auto')).toBe(false)
  expect(await needsDemo(db, true, 'off')).toBe(false)

  await createProject(db, { name: 'Sample', currency: 'EUR', settings: { sample: 'bank and ledger' } }, ANA)
  expect(await needsDemo(db, true, 'auto')).toBe(true)
  expect(await hasProjects(db)).toBe(false)

  await createProject(db, { name: 'Ours', currency: 'EUR', settings: {} }, ANA)
  expect(await needsDemo(db, true, 'auto')).toBe(false)
  expect(await needsDemo(db, true, 'on')).toBe(true)
})
