import type { Present } from '../client/index.js'
import type { UserRef } from '../protocol/views.js'
import { PROJECT_TABS, type ProjectTab } from './route.js'

/** Somebody who is here, however many pages they have open. */
export interface Person {
  readonly user: UserRef
  /** The page of theirs that was opened first; null: it does not say. */
  readonly tab: ProjectTab | null
}

/** The id of whoever signs in under this name, as `tallyroom link --name` makes it. */
export function userIdOf(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
}

/** One entry per person, in the order in which they came; `me` first. */
export function peopleOf(present: readonly Present[], me: string): readonly Person[] {
  const people = new Map<string, Person>()
  for (const { user, state } of present) {
    if (!people.has(user.id)) people.set(user.id, { user, tab: PROJECT_TABS.find((tab) => tab === state.tab) ?? null })
  }
  return [...people.values()].sort((one, other) => Number(other.user.id === me) - Number(one.user.id === me))
}
