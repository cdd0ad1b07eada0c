import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Browser } from 'playwright-core'
import { launchBrowser, Person } from '../../test/browser/person.js'
import { Program } from '../../test/browser/program.js'
import { LINE, untilKept, visit } from '../dashboard/visit.js'
import { WATCH_HEADING } from '../dashboard/watchers.js'
import { type Expectation, inTurn } from './expectation.js'

const SIZES = fileURLToPath(new URL('../../scripts/sizes.mjs', import.meta.url))

/** The built dashboard, in the browser that TEST_CHROMIUM names. */
export async function frontEnd(): Promise<Expectation[]> {
  return [await initialBundle(), await repeatLoad()]
}

async function initialBundle(): Promise<Expectation> {
  const { stdout } = await promisify(execFile)(process.execPath, [SIZES])
  const sizeOf = (name: string) => {
    const line = stdout.split('\n').find((one) => one.endsWith(` ${name}`))
    if (line === undefined) throw new Error(`scripts/sizes.mjs says nothing of ${name}`)
    return Number.parseFloat(line)
  }
  return {
    figure: 'initial bundle',
    promised: { kind: 'less', least: 0.3, most: 0.5 },
    unit: 'kB',
    off: { what: 'all of the dashboard’s JavaScript built as one bundle, gzipped', value: sizeOf('dashboard: all JS as one bundle') },
    on: { what: 'built in chunks: what the first page loads of it', value: sizeOf('dashboard: initial JS') },
  }
}

async function repeatLoad(): Promise<Expectation> {
  const program = await Program.start({ DEMO: 'off', RATE_LIMIT_FACTOR: '0' })
  const browser = await launchBrowser()
  try {
    const person = await Person.open(browser)
    await person.signIn(await program.link('Ana'))
    const { cookies } = await person.page.context().storageState()
    const measure = async (who: 'somebody new' | 'who was here') => {
      const page = await signedIn(browser, cookies)
      if (who === 'who was here') {
        await visit(page, program.origin)
        await untilKept(page)
      }
      const { ms } = await visit(page, program.origin)
      await page.context().close()
      return { ms }
    }
    const { off, on } = await inTurn({ off: () => measure('somebody new'), on: () => measure('who was here') })
    return {
      figure: 'repeat load',
      promised: { kind: 'less', least: 0.5, most: 0.7 },
      unit: 'ms',
      off: {
        what: `from the address to the list of projects in a browser that keeps nothing yet, on a line of ${LINE.latency} ms and ${(LINE.downloadThroughput * 8) / 1e6} Mbit/s`,
        value: off.ms,
      },
      on: { what: 'in one that was there before, with the service worker', value: on.ms },
    }
  } finally {
    await browser.close()
    await program.stop()
  }
}

type Cookies = Awaited<ReturnType<ReturnType<Person['page']['context']>['storageState']>>['cookies']

/** A browser of its own that is signed in; what waits inside of the page is a text that the policy would refuse. */
async function signedIn(browser: Browser, cookies: Cookies): Promise<Person['page']> {
  const { page } = await Person.open(browser, { storageState: { cookies, origins: [] }, bypassCSP: true })
  await page.addInitScript(WATCH_HEADING)
  return page
}
