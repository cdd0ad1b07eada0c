import type { UserRef } from '../protocol/views.js'
import { ApiError, api, asApiError, type Me, watchSignedOut } from './api.js'
import { link, live, setLiveUrl } from './live.js'
import { forgetNotes } from './notes.js'
import { parseSignIn, readSignIn } from './route.js'
import { Store } from './store.js'
import { emptyTray } from './tray.js'
import { forgetReads } from './version.js'

/**
 *   starting    the cookie or the link is being tried        → signed-in · signed-out · failed
 *   signed-in   the pages are there                          → expired · signed-out
 *   expired     the pages stay as they are, nothing is sent  → signed-in (another link)
 *   signed-out  nobody; `error` says why a link did not work → signed-in
 *   failed      the server cannot be asked                   → starting
 */
export type SessionState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'signed-in'; readonly user: UserRef }
  | { readonly kind: 'expired'; readonly user: UserRef }
  | { readonly kind: 'signed-out'; readonly error: ApiError | null }
  | { readonly kind: 'failed'; readonly error: ApiError }

export const session = new Store<SessionState>({ kind: 'starting' })

/** While we sign out the server closes the live connection; that is no session that ended by itself. */
let isLeaving = false

/** Close codes that mean: the credential is no good any more. */
const SIGNED_OUT_CODES: ReadonlySet<number | null> = new Set([4005, 4500, 4504])

/** Redeems the link that is in the address, or tries the cookie; then connects. */
export async function startSession(): Promise<void> {
  const code = parseSignIn(location.hash)
  // The code leaves the address and the history at once: it is a secret, if a short-lived one.
  if (code !== null) history.replaceState(null, '', '#/')
  if (session.value.kind === 'failed') session.set({ kind: 'starting' })
  let refused: ApiError | null = null
  try {
    if (code !== null) {
      // Of whoever was here before.
      await forgetReads()
      await api.redeem(code)
    }
  } catch (error) {
    refused = asApiError(error)
  }
  try {
    // A spent link is no reason to send somebody away who is signed in already.
    enter(await api.me())
  } catch (error) {
    // Over pages that are open nothing changes: they find out by themselves how they stand.
    if (userOf(session.value) !== null) return
    const problem = asApiError(error)
    session.set(problem.status === 401 ? { kind: 'signed-out', error: refused } : { kind: 'failed', error: problem })
  }
}

/** Signs in with the text of a link, or its code alone. @throws ApiError when it is not accepted. */
export async function signInWith(text: string): Promise<void> {
  const code = readSignIn(text)
  if (code === null) throw new ApiError('this is not a sign-in link', { code: 'INVALID', status: 422 })
  await forgetReads()
  await api.redeem(code)
  enter(await api.me())
}

/** @throws ApiError when the server could not be told: one is signed in as before. */
export async function signOut(): Promise<void> {
  isLeaving = true
  try {
    await api.signOut()
  } catch (error) {
    // Nobody to sign out: as good as done.
    if (asApiError(error).status !== 401) throw error
  } finally {
    isLeaving = false
  }
  live.close()
  forgetNotes()
  emptyTray('')
  await forgetReads()
  location.hash = '#/'
  session.set({ kind: 'signed-out', error: null })
}

/** Notices when the session ends under the page, by an answer or by the socket's close code. */
export function followSession(): void {
  const expire = () => {
    const held = session.value
    if (held.kind === 'signed-in' && !isLeaving) session.set({ kind: 'expired', user: held.user })
  }
  watchSignedOut(expire)
  link.watch(() => {
    const { value } = link
    if (value.kind === 'closed' && SIGNED_OUT_CODES.has(value.code)) expire()
  })
}

function enter({ user, liveUrl }: Me): void {
  const held = userOf(session.value)
  // Neither the pages nor the connection of somebody else may stay.
  if (held !== null && held.id !== user.id) {
    location.reload()
    return
  }
  session.set({ kind: 'signed-in', user })
  setLiveUrl(liveUrl)
  live.open()
}

function userOf(state: SessionState): UserRef | null {
  return 'user' in state ? state.user : null
}
