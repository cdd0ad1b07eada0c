import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { writeSample } from '../../src/sample/write-sample.js'
import { isLong } from '../support/long.js'
import { launchBrowser, Person } from './person.js'
import { Program } from './program.js'

interface SampleFile {
  readonly name: string
  readonly mimeType: string
  readonly buffer: Buffer
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

let program: Program
let browser: Browser
let folder: string
let small: readonly SampleFile[]
let large: readonly SampleFile[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tallyroom-review-'))
  ;[program, browser, small, large] = await Promise.all([
    Program.start({ DEMO: 'off' }),
    launchBrowser(),
    sampleFiles('small', 150),
    sampleFiles('large', 1_000),
  ])
})

afterAll(async () => {
  await browser?.close()
  await program?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('with the keyboard only, from two files to nothing left to decide', async () => {
  const { page, complaints } = await signedIn('Kim')
  await pressOn(page, 'Create a project')
  await page.keyboard.type('March')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Import' }).waitFor()
  for (const file of small) {
    const chooser = page.waitForEvent('filechooser')
    await pressOn(page, /Choose a file$/)
    await (await chooser).setFiles(file)
    await page.getByText(file.name).waitFor()
  }
  await page.locator('.preview').nth(1).waitFor()
  await pressOn(page, 'Import and match')
  await page.getByRole('heading', { name: 'Matching is complete' }).waitFor()

  await page.keyboard.press('g')
  await page.keyboard.press('m')
  const left = async () => Number(/^(\d+) to decide/.exec((await page.locator('.work__strip').textContent()) ?? '')?.[1] ?? 0)
  await page.locator('[data-match]').first().waitFor()
  for (let before = await left(); before > 0; before = await left()) {
    await page.keyboard.press(before % 3 === 0 ? 'r' : 'Enter')
    // A suggestion that shares a row may go with it.
    await expect.poll(left).toBeLessThan(before)
  }
  await page.getByText('Nothing left to decide').waitFor()
  await page.keyboard.press('u')
  await expect.poll(left, { message: 'the last decision, taken back' }).toBeGreaterThan(0)
  await page.keyboard.press('r')
  await page.getByText('Nothing left to decide').waitFor()
  expect(complaints).toEqual([])
  await page.context().close()
})

describe('two people in one review', () => {
  let ana: Person
  let ben: Person
  let project: string
  /** Ids of the first suggestions, in their order. */
  let ids: readonly string[]
  const rowOf = ({ page }: Person, place: number) => page.locator(`[data-match="${ids[place]}"]`)
  const rows = ({ page }: Person) => page.locator('[data-match]')

  beforeAll(async () => {
    // Tall, so that what is looked for is in view.
    const options = { viewport: { width: 1_280, height: 1_600 } }
    ;[ana, ben] = await Promise.all([signedIn('Ana', options), signedIn('Ben', options)])
    project = await prepare(ana.page, large)
    await Promise.all([ana, ben].map(({ page }) => openPage(page, project, 'match', page.locator('[data-match]').nth(20))))
    ids = await ana.page.locator('[data-match]').evaluateAll((found) => found.map((row) => row.dataset.match ?? ''))
  })

  afterAll(async () => {
    await Promise.all([ana, ben].map((person) => person?.page.context().close()))
  })

  test('a claim is seen while somebody is on it, and gone when they have left', async () => {
    await rowOf(ana, 4).click()
    await rowOf(ben, 4).filter({ hasText: 'Ana is on this' }).waitFor()
    await ben.page.getByRole('img', { name: 'Here: Ana' }).waitFor()
    await rowOf(ana, 0).click()
    await rowOf(ben, 4).filter({ hasText: 'Ana is on this' }).waitFor({ state: 'detached' })
  })

  test('a decision is on the other’s screen, and on a second tab of one’s own, at once; what was told stale is asked for once', async () => {
    const tab = await ana.page.context().newPage()
    await openPage(tab, project, 'match', tab.locator('[data-match]').nth(5))
    await ben.page.evaluate(WATCH_DECISIONS)
    const asked = ben.requests().length
    for (let place = 0; place < 10; place++) {
      await ana.page.keyboard.press('r')
      await rowOf(ben, place).filter({ hasText: 'Rejected by Ana' }).waitFor()
    }
    await tab.locator(`[data-match="${ids[9]}"]`).filter({ hasText: 'Rejected by you' }).waitFor()
    await ben.page.getByRole('img', { name: 'Here: Ana', exact: true }).waitFor()

    const drawn = (await ben.page.evaluate('window.drawn')) as Record<string, number>
    const lags = ben.decisions.filter(({ match }) => match in drawn).map(({ match, at }) => drawn[match]! - Date.parse(at))
    lags.sort((one, other) => one - other)
    console.log(`decision → drawn on another screen: p50 ${lags[4]} ms, worst of ten ${lags[9]} ms`)
    expect(lags.length).toBe(10)
    expect(lags[9], 'worst of ten, in ms').toBeLessThan(1_500)

    const told = ben.stale.filter((tag) => tag === 'matches').length
    const lists = ben
      .requests()
      .slice(asked)
      .filter((happening) => happening.kind === 'request' && happening.path.endsWith('/matches'))
    expect(lists.length, 'requests for the list').toBeLessThanOrEqual(told)
    await tab.close()
  })

  test('a bulk decision that somebody else made stale is refused, then made, seen and taken back', async () => {
    await ana.page.getByRole('button', { name: 'Confirm many…' }).click()
    const confirm = ana.page.getByRole('button', { name: /^Confirm \d+$/ })
    await ana.page.getByLabel('Confidence at least').selectOption('0.7')
    await confirm.waitFor()
    const before = await confirm.textContent()
    await rowOf(ben, 10).click()
    await ben.page.keyboard.press('Enter')
    await rowOf(ben, 10).filter({ hasText: 'Confirmed by you' }).waitFor()
    await confirm.click()
    await ana.page.getByText(/Nothing was confirmed/).waitFor()
    expect(await confirm.textContent()).not.toBe(before)
    await confirm.click()
    await rowOf(ben, 11).filter({ hasText: 'Confirmed by Ana' }).waitFor()
    // The others may see it before the answer is with her: what can be taken back is told with the answer.
    await ana.page.getByRole('button', { name: /^Undo/ }).waitFor()
    await ana.page.keyboard.press('u')
    await rows(ben).filter({ hasText: 'Confirmed by Ana' }).first().waitFor({ state: 'detached' })
  })

  test('without a network nothing can be changed; back again, what was missed is there', async () => {
    await ben.page.context().setOffline(true)
    await ben.page.getByText('Offline', { exact: true }).waitFor()
    await ben.page.getByText(/^You are offline/).waitFor()
    await rowOf(ana, 12).click()
    await ana.page.getByRole('button', { name: 'Confirm', exact: true }).click()
    await rowOf(ana, 12).filter({ hasText: 'Confirmed by you' }).waitFor()
    await ben.page.context().setOffline(false)
    await rowOf(ben, 12).filter({ hasText: 'Confirmed by Ana' }).waitFor()
    await ben.page.getByText('Live', { exact: true }).waitFor()
  })

  test('where the detail covers the list, a decision goes on to the next pair; a search lists what says it', async () => {
    const { page } = ben
    // Tall: rows out of view do not exist.
    await page.setViewportSize({ width: 390, height: 2_400 })
    await rowOf(ben, 15).click()
    await page.locator(`[data-detail="${ids[15]}"]`).waitFor()
    await page.getByRole('button', { name: 'Reject', exact: true }).click()
    await page.locator(`[data-detail="${ids[16]}"]`).waitFor()
    await page.getByRole('button', { name: 'List' }).click()
    const name = await rowOf(ben, 17).locator('.line__texts .tick--right').textContent()
    const word = /[A-Za-z]{4,}/.exec(name ?? '')?.[0] ?? ''
    const before = await rows(ben).count()
    await page.getByLabel('Search').fill(word)
    await expect.poll(() => rows(ben).count()).toBeLessThan(before)
    await rowOf(ben, 17).waitFor()
    await page.getByLabel('Search').fill('')
    await page.setViewportSize({ width: 1_280, height: 1_600 })
    // Those that the engine was sure of by their references have been compared by no date: it comes with the rows.
    await page.getByLabel('Status').selectOption({ label: 'Confirmed' })
    await rows(ben).first().locator('.line__dates').filter({ hasText: /\d{4}/ }).waitFor()
    await page.getByLabel('Status').selectOption({ label: 'Suggested' })
    await rowOf(ben, 14).waitFor()
  })

  test('a session that ends leaves the note that was begun', async () => {
    await rowOf(ben, 14).click()
    await ben.page.getByLabel(/^Note/).fill('the same invoice, paid twice')
    await ben.page.evaluate(`fetch('/v1/sessions/current', { method: 'DELETE' })`)
    const dialog = ben.page.getByRole('dialog', { name: 'Your session has ended' })
    await dialog.getByLabel('Sign-in link').fill(await program.link('Ben'))
    await ben.page.keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    expect(await ben.page.getByLabel(/^Note/).inputValue()).toBe('the same invoice, paid twice')
    await ben.page.getByRole('button', { name: 'Reject', exact: true }).click()
    await rowOf(ana, 14).filter({ hasText: 'Rejected by Ben' }).waitFor()
  })

  if (isLong)
    test('a server that is killed and comes back: silent at first, then told with its age; nothing is lost', async () => {
      const badge = ben.page.locator('.link')
      await program.kill()
      const killedAt = performance.now()
      while (performance.now() - killedAt < 1_500) expect(await badge.textContent()).toBe('Live')
      await ben.page.getByText(/as of .* ago/).waitFor()
      await program.startAgain()
      for (const { page } of [ana, ben]) {
        const [live, retry] = [page.getByText('Live', { exact: true }), page.getByRole('button', { name: 'Retry' })]
        await live.or(retry).waitFor()
        // It would come back by itself, after up to twenty seconds.
        if (await retry.isVisible()) await retry.click()
        await live.waitFor()
      }
      await rowOf(ana, 16).click()
      await ana.page.keyboard.press('Enter')
      await rowOf(ben, 16).filter({ hasText: 'Confirmed by Ana' }).waitFor()
      await rowOf(ben, 14).filter({ hasText: 'Rejected by you' }).waitFor()
    })

  test('a break is resolved with its note in one request, and the other reads it beside the one that they had begun', async () => {
    await Promise.all([ana, ben].map(({ page }) => openPage(page, project, 'breaks', page.locator('[data-break]').first())))
    const id = (await ana.page.locator('[data-break]').first().getAttribute('data-break')) ?? ''
    const [hers, his] = [ana, ben].map(({ page }) => ({
      row: page.locator(`[data-break="${id}"]`),
      note: page.getByLabel(/^Note/),
      press: (name: string) => page.getByRole('button', { name, exact: true }).click(),
    }))
    await Promise.all([hers!.row.click(), his!.row.click()])
    await hers!.note.fill('the bank’s fee')
    await his!.note.fill('not ours')
    await hers!.press('Resolve')
    await his!.row.filter({ hasText: 'the bank’s fee' }).filter({ hasText: 'Resolved' }).waitFor()
    expect(await his!.note.inputValue()).toBe('not ours')
    await his!.press('Discard it')
    expect(await his!.note.inputValue()).toBe('the bank’s fee')
    expect(ana.requests().filter((happening) => happening.kind === 'request' && happening.method === 'PATCH')).toHaveLength(1)
    // Changed without a word of what became of it, it is stored when the field is left.
    await his!.note.fill('the bank’s fee for May')
    await ben.page.keyboard.press('Escape')
    await hers!.row.filter({ hasText: 'for May' }).waitFor()
    expect(await hers!.note.inputValue()).toBe('the bank’s fee for May')
  })
})

if (isLong)
  test('axe finds nothing wrong on any page, light and dark', async () => {
    const { page } = await signedIn('Ana', { bypassCSP: true, reducedMotion: 'reduce' })
    const project = await prepare(page, small)
    const found: string[] = []
    const check = async (name: string) => {
      await page.addScriptTag({ path: AXE })
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        // What does not depend on colours is the same in both.
        const only = colorScheme === 'light' ? '' : `, { runOnly: ['color-contrast'] }`
        const { violations } = (await page.evaluate(`axe.run(document${only})`)) as {
          violations: readonly { id: string; nodes: readonly { target: readonly string[] }[] }[]
        }
        found.push(...violations.map(({ id, nodes }) => `${name}, ${colorScheme}: ${id} at ${nodes[0]?.target.join(' ')}`))
      }
    }
    await openPage(page, project, 'match', page.locator('.compare'))
    await check('match')
    await page.keyboard.press('?')
    await check('keyboard')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Confirm many…' }).click()
    await page.locator('.bulk__count strong').waitFor()
    await check('confirm many')
    await page.keyboard.press('Escape')
    await openPage(page, project, 'tray', page.locator('.pick').first())
    await page.locator('.pick').first().click()
    await check('by hand')
    await openPage(page, project, 'breaks', page.locator('.break__title').first())
    await page.locator('.break__title').first().click()
    await page.locator('.payload').waitFor()
    await check('breaks')
    await page.getByLabel('Status').selectOption({ label: 'All' })
    await page.getByText(/^\d+ breaks$/).waitFor()
    await openPage(page, project, 'jobs', page.locator('.run__body'))
    await check('jobs')
    await openPage(page, project, 'import', page.getByText('Drop a file here').first())
    await page.locator('input[type=file]').first().setInputFiles(small[0]!)
    await page.locator('.preview').waitFor()
    await check('import')
    await openPage(page, project, 'overview', page.locator('.tiles'))
    await check('overview')
    await page.getByRole('button', { name: 'Add people' }).click()
    await page.getByRole('button', { name: 'Remove Ben' }).waitFor()
    await check('members')
    await page.keyboard.press('Escape')
    await page.getByRole('link', { name: 'Tallyroom, all projects' }).click()
    await page.locator('.card__figures dd').first().waitFor()
    await check('projects')
    expect(found).toEqual([])
    await page.context().close()
  })

async function sampleFiles(name: string, rows: number): Promise<readonly SampleFile[]> {
  const { left, right } = await writeSample(join(folder, name), { seed: 5, rows })
  return Promise.all(
    [left, right].map(async (path) => ({
      name: path.slice(path.lastIndexOf('/') + 1),
      mimeType: 'text/csv',
      buffer: await readFile(path),
    })),
  )
}

async function signedIn(name: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Person> {
  const person = await Person.open(browser, options)
  person.page.setDefaultTimeout(30_000)
  await person.signIn(await program.link(name))
  return person
}

async function openPage(page: Page, project: string, tab: string, ready: Locator): Promise<void> {
  await page.goto(`${program.origin}/#/projects/${project}/${tab}`)
  await ready.waitFor()
}

/** A project with both files in it, matched, of which Ben is an analyst; over HTTP, because its pages have tests of their own. */
async function prepare(page: Page, [left, right]: readonly SampleFile[]): Promise<string> {
  const headers = { origin: program.origin }
  const post = async (path: string, options: { data: unknown; headers?: Record<string, string> }) => {
    const answer = await page.request.post(`${program.origin}/v1/projects${path}`, {
      ...options,
      headers: { ...headers, ...options.headers },
    })
    if (!answer.ok()) throw new Error(`${path}: ${answer.status()} ${await answer.text()}`)
    return answer.json()
  }
  const { project } = await post('', { data: { name: 'Review' } })
  for (const [side, file] of [
    ['left', left],
    ['right', right],
  ] as const) {
    await post(`/${project.id}/sources?side=${side}&name=${file!.name}`, { data: file!.buffer, headers: { 'content-type': 'text/csv' } })
  }
  await page.request.put(`${program.origin}/v1/projects/${project.id}/members/ben`, { data: { role: 'analyst', name: 'Ben' }, headers })
  const { job } = await post(`/${project.id}/jobs`, { data: { kind: 'match' } })
  const isDone = async () => {
    const answer = await page.request.get(`${program.origin}/v1/projects/${project.id}/jobs/${job.id}`)
    expect((await answer.json()).job.state).toBe('completed')
  }
  await vi.waitFor(isDone, { timeout: 30_000, interval: 100 })
  return project.id
}

/** Goes to what has this name by Tab, as somebody without a mouse, and presses it. */
async function pressOn(page: Page, name: string | RegExp): Promise<void> {
  const wanted = typeof name === 'string' ? (text: string) => text === name : (text: string) => name.test(text)
  for (let tabs = 0; tabs < 60; tabs++) {
    const text = (await page.evaluate(FOCUSED_NAME)) as string
    if (wanted(text)) return page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab does not come to ${name}`)
}

// Run in the page; as text, because these files know nothing of a browser's globals.

const FOCUSED_NAME = `(() => {
  const { activeElement } = document
  const label = activeElement?.labels?.[0] ?? activeElement
  return (activeElement?.getAttribute('aria-label') ?? label?.textContent ?? '').trim()
})()`

/** When the frame that shows a match's new status was drawn. */
const WATCH_DECISIONS = `(() => {
  const drawn = (window.drawn = {})
  const watched = new Map()
  const look = () => {
    for (const { dataset } of document.querySelectorAll('[data-match]')) {
      const before = watched.get(dataset.match)
      watched.set(dataset.match, dataset.status)
      if (before !== undefined && before !== dataset.status && !(dataset.match in drawn)) {
        const { match } = dataset
        requestAnimationFrame(() => (drawn[match] ??= Date.now()))
      }
    }
  }
  look()
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-status'] })
})()`
