import { FORGET, TAKE_OVER } from './service-worker/messages.js'
import { Store } from './store.js'

/** Whether another version of the dashboard is ready to take over. */
export const isNewVersionReady = new Store<boolean>(false)

/** How long is waited for the worker to have forgotten. */
const FORGET_TIMEOUT_MS = 1_000
const CHECK_INTERVAL_MS = 15 * 60_000

let waiting: ServiceWorker | null = null

/** Installs the service worker, and watches for newer ones: one that is ready waits until {@link takeNewVersion}. */
export async function followVersion(): Promise<void> {
  // Without https, and on other hosts than this one, browsers have none.
  const workers: ServiceWorkerContainer | undefined = navigator.serviceWorker
  if (workers === undefined || !import.meta.env.PROD) return
  const registration = await workers.register('/service-worker.js').catch(() => null)
  if (registration === null) return
  const offer = () => {
    // The very first one has nobody to replace.
    if (registration.waiting === null || registration.active === null) return
    waiting = registration.waiting
    isNewVersionReady.set(true)
  }
  offer()
  registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', offer))
  setInterval(() => void registration.update().catch(() => undefined), CHECK_INTERVAL_MS)
}

/** Lets the version that waits take over, and loads the page anew with it. */
export function takeNewVersion(): void {
  if (waiting === null) return
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true })
  waiting.postMessage(TAKE_OVER)
}

/** Forgets every answer that was kept for a time without a network. */
export async function forgetReads(): Promise<void> {
  const worker = navigator.serviceWorker?.controller
  if (!worker) return
  const { port1, port2 } = new MessageChannel()
  await new Promise<void>((resolve) => {
    const timeout = setTimeout(resolve, FORGET_TIMEOUT_MS)
    port1.onmessage = () => {
      clearTimeout(timeout)
      resolve()
    }
    worker.postMessage(FORGET, [port2])
  })
  port1.close()
}
