import { parseRoute, parseSignIn, type Route } from './route.js'
import { startSession } from './session.js'
import { Store } from './store.js'

/** Where the address says that we are. */
export const route = new Store<Route>(parseRoute(''))

/** Follows the address from now on; a sign-in link may also be opened in a tab that has a page already. */
export function followAddress(): void {
  const read = () => {
    if (parseSignIn(location.hash) !== null) void startSession()
    route.set(parseRoute(location.hash))
  }
  addEventListener('hashchange', read)
  read()
}
