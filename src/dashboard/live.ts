import { type LinkState, LiveClient } from '../client/index.js'
import { LIVE_PATH } from '../protocol/version.js'
import { Store } from './store.js'

/** How the page is connected. */
export const link = new Store<LinkState>({ kind: 'connecting', lostAt: null })

/** Whether the browser itself says that it has a network. */
export const isOnline = new Store<boolean>(true)

/** The page's one connection; the cookie that goes with the upgrade says who it is. */
export const live = new LiveClient({
  url: liveUrl(),
  openSocket: (url, subprotocol) => new WebSocket(url, subprotocol),
  onLink: (state) => link.set(state),
})

/** Watches the browser's network and tries at once when it is back. */
export function followNetwork(): void {
  const read = () => {
    isOnline.set(navigator.onLine)
    if (navigator.onLine) live.retryNow()
  }
  addEventListener('online', read)
  addEventListener('offline', read)
  isOnline.set(navigator.onLine)
}

// Of this very origin, whatever other name the server may have: the cookie belongs to it.
function liveUrl(): string {
  const url = new URL(LIVE_PATH, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
