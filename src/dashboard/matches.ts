import type { MatchView } from '../protocol/views.js'

/** A suggestion on the screen: it keeps its place when it is decided, so that nothing moves under the pointer. */
export interface Suggestion {
  readonly match: MatchView
  /** Our own decision that the server has not answered yet. */
  readonly pending: 'confirm' | 'reject' | null
  /** What the server answered instead of doing it. */
  readonly refusal: string | null
}

/** Takes newer states of matches into the list; their order and number stay. */
export function mergeMatch(list: readonly Suggestion[], match: MatchView): readonly Suggestion[] {
  return list.map((entry) => (entry.match.id === match.id && match.version > entry.match.version ? { ...entry, match } : entry))
}

/** Appends a page of the list; what is there already stays where it is. */
export function appendMatches(list: readonly Suggestion[], page: readonly MatchView[]): readonly Suggestion[] {
  const known = new Set(list.map(({ match }) => match.id))
  return [...list, ...page.filter(({ id }) => !known.has(id)).map((match) => ({ match, pending: null, refusal: null }))]
}

export function isOpen(entry: Suggestion): boolean {
  return entry.match.status === 'proposed' && entry.pending === null
}

/** The next undecided entry after `from` (or before, with -1), or `from` when there is none. */
export function nextOpen(list: readonly Suggestion[], from: number, step: 1 | -1): number {
  for (let index = from + step; index >= 0 && index < list.length; index += step) {
    const entry = list[index]
    if (entry !== undefined && isOpen(entry)) return index
  }
  return from
}
