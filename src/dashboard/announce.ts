import { Store } from './store.js'

/** What the page's one polite live region says. */
export const announced = new Store('')

/** News that nobody asked for is read aloud at most this often; the newest wins. */
const INTERVAL_MS = 10_000

let lastAt = 0
let waiting: ReturnType<typeof setTimeout> | undefined

/** Says something to those who do not see the page. `answer`: to what they just did, at once; `news`: when there was silence for a while. */
export function announce(text: string, kind: 'answer' | 'news'): void {
  clearTimeout(waiting)
  const say = () => {
    lastAt = Date.now()
    announced.set(text)
  }
  const waitMs = kind === 'answer' ? 0 : lastAt + INTERVAL_MS - Date.now()
  if (waitMs <= 0) say()
  else waiting = setTimeout(say, waitMs)
}
