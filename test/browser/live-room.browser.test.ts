import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeSample } from '../../src/sample/write-sample.js'
import { dropFiles } from './drop.js'
import { type Happening, launchBrowser, Person } from './person.js'
import { Program } from './program.js'

/** Enough for a job of some seconds. */
const ROWS = 8_000

let program: Program
let browser: Browser
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tallyroom-files-'))
  ;[program, browser] = await Promise.all([Program.start({ DEMO: 'off' }), launchBrowser(), writeSample(folder, { seed: 7, rows: ROWS })])
})

afterAll(async () => {
  await browser?.close()
  await program?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('two people see one job and each other’s decisions, from the two files to the export', async () => {
  const [ana, ben] = await Promise.all([Person.open(browser), Person.open(browser)])
  await Promise.all([ana.signIn(await program.printedLink('Ana')), ben.signIn(await program.printedLink('Ben'))])

  await ana.page.getByRole('button', { name: 'Create a project' }).click()
  await ana.page.getByLabel('Name', { exact: true }).fill('March')
  await ana.page.getByRole('button', { name: 'Create', exact: true }).click()
  await ana.page.getByRole('heading', { name: 'Import' }).waitFor()
  const project = /projects\/([0-9a-f-]+)/.exec(ana.page.url())![1]!
  await ana.page.getByRole('link', { name: 'Overview' }).click()
  await ana.page.getByRole('button', { name: 'Add people' }).click()
  await ana.page.getByLabel('Name', { exact: true }).fill('Ben')
  await ana.page.getByRole('button', { name: 'Add', exact: true }).click()
  await ana.page.getByRole('button', { name: 'Remove Ben' }).waitFor()
  await ana.page.keyboard.press('Escape')
  await ana.page.getByRole('link', { name: 'Import', exact: true }).click()
  await ben.page.reload()
  await ben.page.getByRole('link', { name: /March/ }).click()
  await ben.page.getByRole('heading', { name: 'Nothing to compare yet' }).waitFor()
  await ben.page.evaluate(WATCH_PROGRESS)

  const files = await Promise.all(
    ['bank.csv', 'ledger.csv'].map(async (name) => ({ name, text: await readFile(join(folder, name), 'utf8') })),
  )
  await dropFiles(ana.page.locator('.drop').first(), files)
  const start = ana.page.getByRole('button', { name: 'Import and match' })
  await ana.page.locator('.preview tbody tr').nth(8).waitFor()
  // What was chosen stays while somebody looks elsewhere.
  await ana.page.getByRole('link', { name: 'Overview' }).click()
  await ana.page.getByRole('heading', { name: 'Nothing to compare yet' }).waitFor()
  await ana.page.getByRole('link', { name: 'Import', exact: true }).click()
  await ana.page.locator('.preview tbody tr').nth(8).waitFor()
  await start.click()
  await Promise.all([ana, ben].map(({ page }) => page.getByRole('heading', { name: 'Matching is complete' }).waitFor({ timeout: 40_000 })))

  const [anas, bens] = [duringJob(ana), duringJob(ben)]
  expect(anas.percents.length, 'progress that reached Ana').toBeGreaterThanOrEqual(10)
  expect(new Set(anas.percents).size, 'different percentages').toBeGreaterThanOrEqual(10)
  expect(anas.percents).toEqual(anas.percents.toSorted((one, other) => one - other))
  expect(bens.news, 'the same news at the same positions').toEqual(anas.news)
  // What is stale is told once a second, and fetched once. The overview lists the files as soon as there are some.
  const allowed = ['summary', 'sources'].map((name) => `/v1/projects/${project}/${name}`)
  for (const { requests } of [anas, bens]) expect(new Set([...requests, ...allowed]), 'what was asked for').toEqual(new Set(allowed))

  const shown = (await ben.page.evaluate(SHOWN_PROGRESS)) as { percents: number[]; elapsedMs: number; titles: string[] }
  expect(shown.percents.length, 'percentages that Ben saw').toBeGreaterThanOrEqual(4)
  expect(shown.percents).toEqual(shown.percents.toSorted((one, other) => one - other))
  expect(shown.percents.length, 'at most four changes a second').toBeLessThanOrEqual(shown.elapsedMs / 250 + 2)
  const mayAsk = shown.elapsedMs / 1_000 + 4
  for (const { requests } of [anas, bens]) expect(requests.length, 'how often').toBeLessThanOrEqual(mayAsk)
  expect(shown.titles).toContainEqual(expect.stringMatching(/^\d+% · March · Tallyroom$/))

  await Promise.all([ana, ben].map(({ page }) => page.getByRole('link', { name: /^Match/ }).click()))
  const rows = [ana, ben].map(({ page }) => page.locator('[data-match]'))
  const [anasRows, bensRows] = [rows[0]!, rows[1]!]
  await Promise.all(rows.map((list) => list.nth(2).waitFor()))
  await ana.page.keyboard.press('Enter')
  await bensRows.nth(0).filter({ hasText: 'Confirmed by Ana' }).waitFor()
  await ben.page.keyboard.press('j')
  await ben.page.keyboard.press('r')
  await anasRows.nth(1).filter({ hasText: 'Rejected by Ben' }).waitFor()

  // What Ben says reaches the server only after Ana was heard.
  const isHeard = ana.page.waitForResponse(/\/decisions$/)
  await ben.page.route('**/decisions', async (route) => {
    await isHeard
    await route.continue()
  })
  await bensRows.nth(2).click()
  await ben.page.getByLabel(/^Note/).fill('not the same invoice')
  await ben.page.getByRole('button', { name: 'Reject', exact: true }).click()
  await anasRows.nth(2).click()
  await ana.page.getByRole('button', { name: 'Confirm', exact: true }).click()
  await bensRows.nth(2).filter({ hasText: 'Ana was faster' }).waitFor()
  await ben.page.getByRole('button', { name: 'Show' }).click()
  await ben.page.getByRole('article').getByText('Confirmed by Ana').waitFor()
  expect(await ben.page.getByLabel(/^Note/).inputValue(), 'what Ben wrote').toBe('not the same invoice')
  await ana.page.getByRole('link', { name: 'Overview' }).click()

  const [download] = await Promise.all([ana.page.waitForEvent('download'), ana.page.getByRole('link', { name: 'CSV' }).first().click()])
  const lines = (await readFile(await download.path(), 'utf8')).trimEnd().split('\n')
  expect(lines.length).toBeGreaterThan(ROWS / 2)
  expect(lines[0]).toContain('left')

  expect({ ana: ana.complaints, ben: ben.complaints }).toEqual({ ana: [], ben: [] })
})

test('a session that ended asks for a link, keeps the page, and is live again with it', async () => {
  const name = 'Carla'
  const carla = await Person.open(browser)
  await carla.signIn(await program.link(name))
  await carla.page.getByRole('button', { name: 'Create a project' }).click()
  await carla.page.getByLabel('Name', { exact: true }).fill('April')
  const elsewhere = await carla.page.context().newPage()
  await elsewhere.goto(program.origin)
  await elsewhere.getByRole('button', { name: `Signed in as ${name}` }).click()
  await elsewhere.getByRole('button', { name: 'Sign out' }).click()
  await elsewhere.getByRole('heading', { name: 'Sign in to Tallyroom' }).waitFor()

  const dialog = carla.page.getByRole('dialog', { name: 'Your session has ended' })
  await dialog.waitFor()
  await dialog.getByLabel('Sign-in link').fill(await program.link(name))
  await carla.page.keyboard.press('Enter')
  await dialog.waitFor({ state: 'detached' })
  await carla.page.getByText('Live', { exact: true }).waitFor()
  expect(await carla.page.getByLabel('Name', { exact: true }).inputValue()).toBe('April')
})

/** What reached a page from the job's start to its last word. */
function duringJob({ happenings }: Person) {
  const isWord = (type: string) => (happening: Happening) => happening.kind === 'event' && happening.type === type
  const job = happenings.slice(happenings.findIndex(isWord('job.started')), happenings.findIndex(isWord('job.completed')) + 1)
  return {
    news: job.filter(({ kind }) => kind !== 'request'),
    percents: job.flatMap((happening) => (happening.kind === 'progress' ? [happening.percent] : [])),
    requests: job.flatMap((happening) => (happening.kind === 'request' ? [happening.path] : [])),
  }
}

// Run in the page; as text, because these files know nothing of a browser's globals.

const WATCH_PROGRESS = `(() => {
  const seen = (window.seen = { percents: [], at: [], titles: [] })
  new MutationObserver(() => {
    const percent = document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow')
    if (percent != null && Number(percent) !== seen.percents.at(-1)) {
      seen.percents.push(Number(percent))
      seen.at.push(performance.now())
    }
    if (document.title !== seen.titles.at(-1)) seen.titles.push(document.title)
  }).observe(document, { subtree: true, childList: true, attributes: true })
})()`

const SHOWN_PROGRESS = `({ ...window.seen, elapsedMs: window.seen.at.at(-1) - window.seen.at[0] })`
