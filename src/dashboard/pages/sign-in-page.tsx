import '../styles/sign-in.css'
import { useState } from 'preact/hooks'
import type { UserRef } from '../../protocol/views.js'
import type { ApiError } from '../api.js'
import { asApiError, signInWith } from '../session.js'

/** How to get in; over the page that was open when the session ended, which stays as it is. */
export function SignInPage({ error, expiredUser }: { readonly error: ApiError | null; readonly expiredUser?: UserRef }) {
  const [text, setText] = useState('')
  const [isBusy, setBusy] = useState(false)
  const [problem, setProblem] = useState<ApiError | null>(error)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      await signInWith(text)
    } catch (failure) {
      setProblem(asApiError(failure))
    }
    setBusy(false)
  }
  const isExpired = expiredUser !== undefined
  return (
    <main class={isExpired ? 'sign-in sign-in--over' : 'sign-in'}>
      <section class="sign-in__card" {...(isExpired ? { role: 'dialog', 'aria-modal': true } : {})} aria-labelledby="sign-in-title">
        <img src={iconUrl} width="44" height="44" alt="" />
        <h1 id="sign-in-title">{isExpired ? 'Your session has ended' : 'Sign in to Tallyroom'}</h1>
        <p class="muted">
          {isExpired
            ? `${expiredUser.name}, nothing on this page is lost. Sign in again to go on.`
            : 'The live room in which a team reconciles. You enter with a link that works once.'}
        </p>
        <form onSubmit={submit}>
          <label class="field">
            <span>Sign-in link</span>
            <input
              type="text"
              autocomplete="off"
              spellcheck={false}
              placeholder="http://localhost:8080/#signin=…"
              value={text}
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="button button--primary" disabled={isBusy || text.trim() === ''}>
            {isBusy ? 'Signing in…' : 'Sign in'}
          </button>
        </form>
        {problem !== null && (
          <p class="notice notice--bad" role="alert">
            The link was not accepted: {problem.message}. Links work once and for ten minutes.
          </p>
        )}
        <div class="sign-in__help">
          <p>No link? On the machine where the server runs:</p>
          <pre>
            <code>npx tallyroom link --name "{expiredUser?.name ?? 'Your name'}"</code>
          </pre>
        </div>
      </section>
    </main>
  )
}

const iconUrl = new URL('../icon.svg', import.meta.url).href
