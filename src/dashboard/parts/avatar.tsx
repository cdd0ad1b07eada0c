import type { UserRef } from '../../protocol/views.js'
import type { Person } from '../people.js'

/** Avatars side by side before they become a number. */
const SHOWN = 4

/** The first letters of a name, on a colour that belongs to the person. */
export function Avatar({ user, isSmall }: { readonly user: UserRef; readonly isSmall?: boolean }) {
  const initials = user.name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => word.charAt(0).toUpperCase())
    .join('')
  const tone = [...user.id].reduce((hash, char) => (hash * 37 + char.charCodeAt(0)) % 997, 0) % 5
  return (
    <span class={`avatar avatar--${tone}${isSmall ? ' avatar--small' : ''}`} title={user.name} aria-hidden="true">
      {initials}
    </span>
  )
}

/** Who else is here. */
export function Faces({ people, isSmall }: { readonly people: readonly Person[]; readonly isSmall?: boolean }) {
  if (people.length === 0) return null
  const shown = people.slice(0, people.length > SHOWN ? SHOWN - 1 : SHOWN)
  const names = people.map(({ user }) => user.name).join(', ')
  return (
    <span class="faces" role="img" aria-label={`Here: ${names}`} title={names}>
      {shown.map(({ user }) => (
        <Avatar key={user.id} user={user} isSmall={isSmall === true} />
      ))}
      {people.length > shown.length && (
        <span class={`avatar avatar--more${isSmall ? ' avatar--small' : ''}`}>+{people.length - shown.length}</span>
      )}
    </span>
  )
}
