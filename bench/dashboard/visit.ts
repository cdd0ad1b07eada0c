import type { Page } from 'playwright-core'

/** What a visit from afar has: an office's line to a server of the same country. */
export const LINE = { offline: false, latency: 40, downloadThroughput: 1_250_000, uploadThroughput: 1_250_000 }

export interface Visit {
  readonly ms: number
  readonly bytes: number
}

/** Goes there over {@link LINE}. The page watches for its heading. */
export async function visit(page: Page, origin: string): Promise<Visit> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Network.enable')
  await cdp.send('Network.emulateNetworkConditions', LINE)
  let bytes = 0
  cdp.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength
  })
  await page.goto(origin)
  const ms = (await (await page.waitForFunction('window.headingAt')).jsonValue()) as number
  await cdp.detach()
  return { ms, bytes }
}

/** Resolves when the service worker has what the next visit needs. */
export async function untilKept(page: Page): Promise<void> {
  await page.evaluate(() => navigator.serviceWorker.ready)
  await page.waitForFunction(() => caches.keys().then((names) => names.length > 0))
}
