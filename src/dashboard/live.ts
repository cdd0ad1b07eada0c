import { type LinkState, LiveClient } from '../client/index.js'
import { LIVE_PATH } from '../protocol/version.js'
import { Store } from './store.js'

/** How the page is connected. */
export const link = new Store<LinkState>({ kind: 'connecting' })

/** Whether the browser itself says that it has a network. */
export const isOnline = new Store<boolean>(true)

let givenUrl: string | null = null

/** The page's one connection; the cookie that goes with the upgrade says who it is. */
export const live = new LiveClient({
  url: ownUrl(),
  openSocket: (url, subprotocol) => new WebSocket(givenUrl ?? url, subprotocol),
  onLink: (state) => link.set(state),
})

/** Where the server says that live sessions are: on this host they may have a port of their own. */
export function setLiveUrl(url: string): void {
  // Another name of the server would not get the cookie.
  givenUrl = new URL(url).hostname === location.hostname ? url : null
}

/** Watches the browser's network. The client does so itself, and tries at once when it is back. */
export function followNetwork(): void {
  const read = () => isOnline.set(navigator.onLine)
  addEventListener('online', read)
  addEventListener('offline', read)
  read()
}

// Of this very origin, until the server has told: the cookie belongs to it.
function ownUrl(): string {
  const url = new URL(LIVE_PATH, location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}
