/** Why it may be worth trying at once: the network is back, or somebody looks at the page again. */
export type WakeReason = 'online' | 'shown'

/** Calls back when the device wakes up or its network is back, until the function that it answers is called. */
export type WatchWake = (onWake: (reason: WakeReason) => void) => () => void

/** The part of a browser's `window` that is needed. Elsewhere, as in Node, there is no document and nothing is ever heard. */
interface Page {
  readonly document?: { readonly visibilityState: string }
  addEventListener(type: string, listener: () => void, options: { readonly capture: boolean }): void
  removeEventListener(type: string, listener: () => void, options: { readonly capture: boolean }): void
}

const CAPTURE = { capture: true }

/** By the browser's `online`, `visibilitychange` and `pageshow`. */
export const watchPage: WatchWake = (onWake) => {
  // Node's types know no page.
  const page = globalThis as unknown as Page
  const { document } = page
  if (document === undefined) return () => {}
  const onOnline = () => onWake('online')
  const onShown = () => {
    if (document.visibilityState !== 'hidden') onWake('shown')
  }
  const heard = [
    ['online', onOnline],
    // It happens at the document; the window hears it on its way down.
    ['visibilitychange', onShown],
    ['pageshow', onShown],
  ] as const
  for (const [type, listener] of heard) page.addEventListener(type, listener, CAPTURE)
  return () => {
    for (const [type, listener] of heard) page.removeEventListener(type, listener, CAPTURE)
  }
}
