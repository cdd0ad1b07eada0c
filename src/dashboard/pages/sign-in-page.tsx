import '../styles/sign-in.css'
import { useState } from 'preact/hooks'
import type { UserRef } from '../../protocol/views.js'
import { type ApiError, asApiError } from '../api.js'
import { formatMessage } from '../format.js'
import { signInWith } from '../session.js'

const iconUrl = new URL('../icon.svg', import.meta.url).href

/** How to get in. `error`: why the link in the address did not work. */
export function SignInPage({ error }: { readonly error: ApiError | null }) {
  return (
    <main class="sign-in">
      <div class="sign-in__card">
        <img src={iconUrl} width="44" height="44" alt="" />
        <h1>Sign in to Tallyroom</h1>
        <p class="muted">The live room in which a team reconciles. You enter with a link that works once.</p>
        <SignInForm error={error} name="Your name" />
      </div>
    </main>
  )
}

/** Over the page that was open when the session ended: it stays as it is. */
export function SessionEnded({ user }: { readonly user: UserRef }) {
  return (
    <dialog
      class="sign-in__card"
      aria-labelledby="session-ended"
      ref={(element) => {
        if (element?.open === false) element.showModal()
      }}
      onCancel={(event) => event.preventDefault()}
    >
      <h1 id="session-ended">Your session has ended</h1>
      <p class="muted">{user.name}, nothing on this page is lost. Sign in again to go on.</p>
      <SignInForm error={null} name={user.name} />
    </dialog>
  )
}

function SignInForm({ error, name }: { readonly error: ApiError | null; readonly name: string }) {
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
  return (
    <>
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
          {explained(problem)}
        </p>
      )}
      <div class="sign-in__help">
        <p>No link? On the machine where the server runs:</p>
        <pre>
          <code>npm run tallyroom -- link --name "{name}"</code>
        </pre>
      </div>
    </>
  )
}

function explained({ code, message }: ApiError): string {
  switch (code) {
    case 'UNREACHABLE':
      return 'The server cannot be reached. Try again in a moment.'
    case 'RATE_LIMITED':
      return 'Too many people signed in from here. The link is not spent: use it again in a minute.'
    default:
      return `${formatMessage(message)} Links work once and for ten minutes.`
  }
}
