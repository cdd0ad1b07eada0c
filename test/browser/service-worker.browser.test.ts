import { readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { launchBrowser, Person } from './person.js'
import { Program } from './program.js'

const WORKER = fileURLToPath(new URL('../../dist/dashboard/service-worker.js', import.meta.url))

let program: Program
let browser: Browser

beforeAll(async () => {
  ;[program, browser] = await Promise.all([Program.start({ DEMO: 'off' }), launchBrowser()])
})
afterAll(async () => {
  await browser?.close()
  await program?.stop()
})

const kept = async (page: Page) =>
  (await page.evaluate(async () => {
    const names = (await caches.keys()).filter((name) => !name.startsWith('shell-'))
    const keys = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()))
    return keys.flat().map(({ url }) => new URL(url).pathname)
  })) as string[]

test('without a network the pages that were seen are there; after signing out nothing of them is left; a new version is offered', async () => {
  const { page } = await Person.open(browser)
  page.setDefaultTimeout(10_000)
  await page.goto(await program.printedLink('Ana'))
  await page.getByRole('heading', { name: 'Projects' }).waitFor()
  await page.getByRole('button', { name: 'Create a project' }).click()
  await page.getByLabel('Name', { exact: true }).fill('March')
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'Import' }).waitFor()
  // From the next page on the worker stands between.
  await page.evaluate(async () => void (await navigator.serviceWorker.ready))
  await page.goto(program.origin)
  await page.getByRole('link', { name: /March/ }).waitFor()

  await page.context().setOffline(true)
  await page.reload()
  await page.getByRole('link', { name: /March/ }).waitFor()
  await page.context().setOffline(false)
  await page.reload()
  await page.getByRole('link', { name: /March/ }).waitFor()
  const reads = await kept(page)
  expect(reads).toContain('/v1/projects')
  expect(reads.filter((path) => /sessions|tickets|live/.test(path))).toEqual([])

  const originals = new Map<string, Buffer>()
  for (const path of [WORKER, `${WORKER}.br`, `${WORKER}.gz`]) originals.set(path, await readFile(path))
  try {
    for (const path of originals.keys()) await rm(path)
    await writeFile(WORKER, `${originals.get(WORKER)}\n// Another version.\n`)
    await page.evaluate(async () => void (await (await navigator.serviceWorker.ready).update()))
    await page.getByText('A new version of Tallyroom is ready.').waitFor()
    const isLoaded = page.waitForEvent('load')
    await page.getByRole('button', { name: 'Load it' }).click()
    await isLoaded
    await page.getByRole('link', { name: /March/ }).waitFor()
    expect(await page.getByText('A new version of Tallyroom is ready.').count()).toBe(0)
  } finally {
    for (const [path, bytes] of originals) await writeFile(path, bytes)
  }

  await page.getByRole('button', { name: 'Signed in as Ana' }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: /Sign in/ }).waitFor()
  expect(await kept(page)).toEqual([])
})
