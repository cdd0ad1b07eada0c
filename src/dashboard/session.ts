import type { UserRef } from '../protocol/views.js'
import { ApiError, api, watchSignedOut } from './api.js'
import { link, live } from './live.js'
import { parseSignIn } from './route.js'
import { Store } from './store.js'

/**
 *   starting    the cookie or the link is being tried        → signed-in · signed-out · failed
 *   signed-in   the pages are there                          → expired
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

/** Close codes that mean: the credential is no good any more. */
const SIGNED_OUT_CODES: ReadonlySet<number> = new Set([4500, 4504])

/** Redeems the link that the page was opened with, or tries the cookie; then connects. */
export async function startSession(): Promise<void> {
  session.set({ kind: 'starting' })
  const code = parseSignIn(location.hash)
  // The code leaves the address and the history at once: it is a secret, if a short-lived one.
  if (code !== null) history.replaceState(null, '', '#/')
  let refused: ApiError | null = null
  try {
    if (code !== null) await redeem(code)
  } catch (error) {
    refused = asApiError(error)
  }
  try {
    // A spent link is no reason to send somebody away who is signed in already.
    const { user } = await api.me()
    session.set({ kind: 'signed-in', user })
    live.open()
  } catch (error) {
    const problem = asApiError(error)
    session.set(problem.status === 401 ? { kind: 'signed-out', error: refused } : { kind: 'failed', error: problem })
  }
}

/** Signs in with the text of a link, or its code alone. @throws ApiError when it is not accepted. */
export async function signInWith(text: string): Promise<void> {
  const code = parseSignIn(text.includes('#') ? text.slice(text.indexOf('#')).trim() : `#signin=${text.trim()}`)
  if (code === null) throw new ApiError('this is not a sign-in link', { code: 'INVALID', status: 422 })
  await redeem(code)
  await startSession()
}

export async function signOut(): Promise<void> {
  await api.signOut()
  live.close()
  session.set({ kind: 'signed-out', error: null })
}

/** Notices when the session ends under the page, by an answer or by the socket's close code. */
export function followSession(): void {
  const expire = () => {
    const held = session.value
    if (held.kind === 'signed-in') session.set({ kind: 'expired', user: held.user })
  }
  watchSignedOut(expire)
  link.watch(() => {
    const { value } = link
    if (value.kind === 'closed' && SIGNED_OUT_CODES.has(value.code)) expire()
  })
}

async function redeem(code: string): Promise<void> {
  await api.redeem(code)
}

/** Whatever was thrown, as something that can be shown. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('something went wrong on this page', { code: 'INTERNAL', status: 0 })
}
