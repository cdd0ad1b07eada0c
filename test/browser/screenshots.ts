// `npm run screenshots`: the pictures of docs/images, from the real program: every page, wide and narrow, light and dark, and every state
// wide and light. With a folder as argument: all of them in all looks there instead, to be looked at before something is called done.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { writeSample } from '../../src/sample/write-sample.js'
import { dropFiles } from './drop.js'
import { launchBrowser, Person } from './person.js'
import { Program } from './program.js'

interface Look {
  readonly name: string
  readonly width: number
  readonly scheme: 'light' | 'dark'
}

/** The four looks of every page. */
const LOOKS: readonly Look[] = [1280, 390].flatMap((width) =>
  (['light', 'dark'] as const).map((scheme) => ({ name: `${width}-${scheme}`, width, scheme })),
)
/** What documents show in all looks; of states one is enough there. */
const PAGES: ReadonlySet<string> = new Set(['projects', 'overview', 'running', 'match', 'tray', 'breaks', 'jobs', 'import'])
const DOCS_DIR = fileURLToPath(new URL('../../docs/images/', import.meta.url))
/** Patience with a busy machine. */
const TIMEOUT_MS = 300_000
const IN_THE_MIDDLE = Array.from({ length: 30 }, (_, index) => `[aria-valuenow="${35 + index}"]`).join()

const everythingDir = process.argv[2]
const outDir = everythingDir ?? DOCS_DIR
process.env.TEST_CHROMIUM ??= '/usr/bin/chromium'
await mkdir(outDir, { recursive: true })
const filesDir = await mkdtemp(join(tmpdir(), 'tallyroom-files-'))
// More people sign in from one address than may in a minute.
const [program, browser] = await Promise.all([
  Program.start({ RATE_LIMIT_FACTOR: '0' }),
  launchBrowser(),
  writeSample(filesDir, { seed: 3, rows: 400 }),
])
try {
  await program.until(/the sample is reconciled/)
  await takeAll()
} finally {
  await browser.close()
  await program.stop()
  await rm(filesDir, { recursive: true, force: true })
}

async function takeAll(): Promise<void> {
  const people: { readonly look: Look; readonly page: Page }[] = []
  for (const look of LOOKS) people.push({ look, page: await signedIn(browser, look, 'Ana') })
  const side = await Promise.all(['Ana', 'Ben'].map((name) => signedIn(browser, { name, width: 880, scheme: 'light' }, name)))
  const sample = await sampleOf(people[0]!.page)
  const pages = [...people.map(({ page }) => page), ...side]

  await Promise.all(pages.map((page) => page.goto(sample)))
  await pages[0]!.getByRole('button', { name: 'Match again' }).click()
  await Promise.all(pages.map((page) => page.locator(IN_THE_MIDDLE).first().waitFor()))
  // Held still, all pages come to show the same moment.
  program.signal('SIGSTOP')
  await sameText(pages, '.job__percent')
  for (const { look, page } of people) await take(page, look, 'running')
  await takeSideBySide(side[0]!, side[1]!)
  program.signal('SIGCONT')
  await Promise.all(pages.map((page) => page.locator('.tiles').waitFor()))

  for (const { look, page } of people) {
    await takeStates(page, look, sample)
    await page.context().close()
  }
  await takeServerAway()
}

/** Pages that need nothing but what is in the sample project. */
async function takeStates(page: Page, look: Look, sample: string): Promise<void> {
  await take(page, look, 'overview')
  await page.goto(`${program.origin}/#/`)
  await page.locator('.card__figures dd').first().waitFor()
  await take(page, look, 'projects')

  await takeMatching(page, look, sample)
  await page.goto(`${sample}/breaks`)
  await page.locator('.break').filter({ hasText: 'apart' }).first().getByRole('button').click()
  await page.locator('.pane .compare').waitFor()
  if (look.width === 390) {
    await take(page, look, 'break')
    await page.getByRole('button', { name: 'List' }).click()
  }
  await page.locator('.break .code').nth(5).waitFor()
  await page.locator('.breaks').evaluate((list) => list.scrollTo(0, 0))
  await take(page, look, 'breaks')
  await page.getByLabel('By reason').check()
  await page.locator('.breaks__group').nth(3).waitFor()
  await page.locator('.breaks__group').nth(1).click()
  await page
    .locator('.break .code:visible')
    .nth(look.width === 390 ? 4 : 9)
    .waitFor()
  await take(page, look, 'breaks-by-reason')

  await page.goto(`${sample}/jobs`)
  await page.locator('.run__body').waitFor()
  await take(page, look, 'jobs')

  await page.goto(`${sample}/import`)
  await page
    .getByRole('button', { name: /^Remove/ })
    .first()
    .click()
  await page.getByRole('button', { name: 'Keep' }).waitFor()
  await take(page, look, 'import-sources')

  const empty = await newProject(page, 'March, bank and ledger')
  await page.goto(empty)
  await page.getByRole('heading', { name: 'Nothing to compare yet' }).waitFor()
  await take(page, look, 'overview-empty')
  await page.goto(`${empty}/match`)
  await page.getByRole('heading', { name: 'Nothing to match yet' }).waitFor()
  await take(page, look, 'match-empty')
  await page.goto(`${empty}/jobs`)
  await page.getByRole('heading', { name: 'No job yet' }).waitFor()
  await take(page, look, 'jobs-empty')
  await page.goto(`${empty}/breaks`)
  await page.getByRole('heading', { name: 'No breaks' }).waitFor()
  await take(page, look, 'breaks-empty')
  await page.goto(`${empty}/import`)
  await page.getByText('Drop a file here').first().waitFor()
  await take(page, look, 'import-empty')
  const files = await Promise.all(
    ['bank.csv', 'ledger.csv'].map(async (name) => ({ name, text: await readFile(join(filesDir, name), 'utf8') })),
  )
  await dropFiles(page.locator('.drop').first(), files)
  await page.locator('.preview').nth(1).waitFor()
  await take(page, look, 'import')

  await page.reload()
  await dropFiles(page.locator('.drop').first(), [
    { name: 'dates.csv', text: 'Id,Date,Amount\n1,03/04/2026,1.50\n2,05/06/2026,2.50\n3,07/08/2026,3.50\n' },
    { name: 'picture.csv', text: 'PNG\u0000\u0001\u0002\u0000' },
  ])
  await page.locator('.file .notice').nth(1).waitFor()
  await take(page, look, 'ambiguous')

  await page.goto(`${program.origin}/#/projects/01a21016-0000-7000-8000-000000000000`)
  await page.getByRole('heading', { name: 'No access' }).waitFor()
  await take(page, look, 'no-access')

  await page.routeWebSocket('**/v1/live', () => undefined)
  await page.goto(sample)
  await page.reload()
  await page.locator('.top ~ main .skeleton__bar').first().waitFor()
  await take(page, look, 'loading')

  const nobody = await Person.open(browser, optionsOf(look))
  await nobody.page.goto(`${program.origin}/#signin=spent`)
  await nobody.page.getByText('Links work once').waitFor()
  await take(nobody.page, look, 'sign-in')
  await nobody.page.context().close()

  const carla = await signedIn(browser, look, 'Carla')
  await carla.getByRole('heading', { name: 'No project yet' }).waitFor()
  await take(carla, look, 'projects-empty')
  await carla.route('**/v1/projects?*', (route) =>
    route.fulfill({ status: 401, json: { code: 'UNAUTHENTICATED', detail: 'sign in first' } }),
  )
  await carla.reload()
  await carla.getByRole('heading', { name: 'Your session has ended' }).waitFor()
  await take(carla, look, 'session-ended')
  await carla.context().close()
}

/** The workspace with somebody else in it, and what opens over it. */
async function takeMatching(page: Page, look: Look, sample: string): Promise<void> {
  // His list is beside the detail, whatever Ana's is.
  const ben = await signedIn(browser, { ...look, width: 1_280 }, 'Ben')
  await ben.goto(`${sample}/match`)
  const row = (of: Page, place: number) => of.locator('[data-match]').nth(place)
  await row(ben, 4).click()
  await page.goto(`${sample}/match`)
  await row(page, 5).waitFor()
  await row(page, 4).filter({ hasText: 'Ben is on this' }).waitFor()
  const isWide = look.width > 860
  if (isWide) {
    await row(ben, 2).click()
    await ben.keyboard.press('Enter')
    await row(page, 2).filter({ hasText: 'Confirmed by Ben' }).waitFor()
    await page.locator('.compare').waitFor()
  }
  await take(page, look, 'match')
  if (!isWide) {
    await row(page, 1).click()
    await page.locator('.compare').waitFor()
    await take(page, look, 'match-detail')
    await page.getByRole('button', { name: 'List' }).click()
  }
  await row(page, 0).locator('.line__mark').click()
  await row(page, 1).locator('.line__mark').click()
  await take(page, look, 'match-several')
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Confirm many…' }).click()
  await page.locator('.bulk__count strong').waitFor()
  await take(page, look, 'match-bulk')
  await page.keyboard.press('Escape')
  await page.keyboard.press('?')
  await take(page, look, 'keyboard')
  await page.keyboard.press('Escape')

  await page.context().setOffline(true)
  await page.getByText('Offline', { exact: true }).waitFor()
  await take(page, look, 'offline')
  await page.context().setOffline(false)

  // Both decide at once: the one who is heard last is told so.
  const isHeard = ben.waitForResponse(/\/decisions$/)
  await page.route('**/decisions', async (route) => {
    await isHeard
    await route.continue()
  })
  await page.getByText('Live', { exact: true }).waitFor()
  await row(page, 1).click()
  await page.getByLabel(/^Note/).fill('Paid twice, see the mail of Tuesday')
  await row(ben, 1).click()
  await page.getByRole('button', { name: 'Reject', exact: true }).click()
  await ben.getByRole('button', { name: 'Confirm', exact: true }).click()
  await page.getByRole('button', { name: 'Show' }).click()
  await page.getByRole('article').getByText('Your note is still here').waitFor()
  await take(page, look, 'match-conflict')
  await page.unroute('**/decisions')
  await page.getByLabel(/^Note/).fill('')
  await page
    .getByRole('button', { name: 'Dismiss' })
    .click({ timeout: 1_000 })
    .catch(() => undefined)

  await page.goto(`${sample}/tray`)
  await page.locator('.pick').nth(4).waitFor()
  await page.locator('.pick').nth(1).click()
  await page.locator('.pick').nth(2).click()
  if (!isWide) await page.getByRole('button', { name: /^Right/ }).click()
  await page.locator('.picker').last().locator('.pick').nth(3).click()
  await take(page, look, 'tray')
  await page.getByRole('button', { name: 'Empty' }).click()
  await ben.context().close()
}

/** The program ends under pages that are open. */
async function takeServerAway(): Promise<void> {
  const people = await Promise.all(LOOKS.map(async (look) => ({ look, page: await signedIn(browser, look, 'Ana') })))
  const sample = await sampleOf(people[0]!.page)
  for (const { page } of people) {
    await page.goto(sample)
    await page.locator('.tiles').waitFor()
  }
  await program.stop()
  for (const { look, page } of people) {
    await page.getByText(/as of .* ago/).waitFor()
    await take(page, look, 'reconnecting')
    await page.goto(`${sample}/match`)
    await page.getByRole('heading', { name: 'Nobody answers' }).waitFor()
    await take(page, look, 'server-away')
  }
}

async function take(page: Page, look: Look, state: string): Promise<void> {
  const name = `${state}-${look.name}`
  if (everythingDir === undefined && !PAGES.has(state) && look.name !== '1280-light') return
  // What was clicked keeps the pointer, and what was decided may have scrolled the page.
  await page.mouse.move(0, 0)
  await page.evaluate('scrollTo(0, 0)')
  await page.screenshot({ path: join(outDir, `${name}.png`), fullPage: everythingDir !== undefined, animations: 'disabled' })
}

/** Two windows next to each other, as the README shows them. */
async function takeSideBySide(ana: Page, ben: Page): Promise<void> {
  const shots = await Promise.all([ana, ben].map((page) => page.screenshot({ animations: 'disabled' })))
  const windows = shots.map(
    (shot, index) =>
      `<figure><figcaption>${index === 0 ? 'Ana' : 'Ben'}</figcaption><img src="data:image/png;base64,${shot.toString('base64')}"></figure>`,
  )
  const page = await browser.newPage({ viewport: { width: 1840, height: 100 } })
  await page.setContent(`<!doctype html><style>
    body { display: flex; align-items: flex-start; gap: 24px; margin: 0; padding: 28px; background: #dfe5e1; font: 600 15px Inter, system-ui, sans-serif; color: #3c4642 }
    figure { margin: 0; overflow: hidden; border-radius: 12px; background: #f3f5f3; box-shadow: 0 12px 40px rgb(20 40 30 / 22%) }
    figcaption { padding: 10px 16px; border-bottom: 1px solid #d6dbd8 }
    img { display: block; width: 880px }
  </style>${windows.join('')}`)
  await page.screenshot({ path: join(outDir, 'side-by-side.png'), fullPage: true })
  await page.close()
}

function optionsOf({ width, scheme }: Look) {
  return {
    viewport: { width, height: width === 390 ? 844 : width === 880 ? 620 : 860 },
    colorScheme: scheme,
    reducedMotion: 'reduce',
    // Its requests are out of the reach of what is routed here.
    serviceWorkers: 'block',
  } as const
}

async function signedIn(browser: Browser, look: Look, name: string): Promise<Page> {
  const person = await Person.open(browser, optionsOf(look))
  person.page.setDefaultTimeout(TIMEOUT_MS)
  await person.signIn(await program.link(name))
  return person.page
}

async function sampleOf(page: Page): Promise<string> {
  return `${program.origin}/${await page.getByRole('link', { name: /Sample/ }).getAttribute('href')}`
}

async function newProject(page: Page, name: string): Promise<string> {
  await page.goto(`${program.origin}/#/`)
  await page.getByRole('button', { name: 'New project' }).click()
  await page.getByLabel('Name', { exact: true }).fill(name)
  await page.getByRole('button', { name: 'Create', exact: true }).click()
  await page.getByRole('heading', { name: 'Import' }).waitFor()
  return page.url().replace('/import', '')
}

async function sameText(pages: readonly Page[], selector: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const texts = await Promise.all(pages.map((page) => page.locator(selector).textContent()))
    if (new Set(texts).size === 1) return
  }
  throw new Error(`the pages do not come to show the same ${selector}`)
}
