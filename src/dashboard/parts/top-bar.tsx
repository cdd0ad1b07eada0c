import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { UserRef } from '../../protocol/views.js'
import { asApiError } from '../api.js'
import { formatMessage } from '../format.js'
import { signOut } from '../session.js'
import type { Store } from '../store.js'
import { Avatar } from './avatar.js'
import { isHelpOpen } from './help-dialog.js'
import { LinkBadge } from './link-badge.js'

/** Where we are, how fresh it is, who we are. */
export function TopBar(props: {
  readonly user: UserRef
  /** Who else is here. */
  readonly faces?: ComponentChildren
  readonly catchingUp?: Store<boolean>
  readonly children?: ComponentChildren
}) {
  const { user, faces, catchingUp, children } = props
  const [problem, setProblem] = useState<string | null>(null)
  const leave = () => signOut().catch((failure: unknown) => setProblem(formatMessage(asApiError(failure).message)))
  return (
    <header class="top">
      <a class="top__brand" href="#/" aria-label="Tallyroom, all projects">
        <Tally />
        <span>Tallyroom</span>
      </a>
      <div class="top__place">{children}</div>
      {faces}
      <LinkBadge {...(catchingUp !== undefined && { catchingUp })} />
      <button type="button" class="top__user" popovertarget="menu" aria-label={`Signed in as ${user.name}`}>
        <Avatar user={user} />
      </button>
      {/* A popover: Escape, a click elsewhere and the order of the focus are the browser's business. */}
      <div class="menu" id="menu" popover="auto">
        <p>
          Signed in as <strong>{user.name}</strong>
        </p>
        {children !== undefined && (
          <button type="button" class="button" popovertarget="menu" popovertargetaction="hide" onClick={() => isHelpOpen.set(true)}>
            Keyboard
          </button>
        )}
        <button type="button" class="button" onClick={() => void leave()}>
          Sign out
        </button>
        {problem !== null && (
          <p class="notice notice--bad" role="alert">
            {problem}
          </p>
        )}
      </div>
    </header>
  )
}

function Tally() {
  return (
    <svg class="top__mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path class="top__strokes" d="M9 9v14M14 9v14M19 9v14M24 9v14" />
      <path class="top__slash" d="M6 21 27 11" />
    </svg>
  )
}
