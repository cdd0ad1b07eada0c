import type { Event, KnownEvent } from '../protocol/events.js'

/** One line of what happened while the page was open. */
export interface Activity {
  readonly id: string
  readonly at: string
  readonly who: string | null
  readonly text: string
}

/** The event as a line of the activity list; null: not worth one. */
export function describe(event: Event & KnownEvent): Activity | null {
  const line = lineOf(event)
  return line && { id: event.id, at: event.at, ...line }
}

function lineOf(event: KnownEvent): { readonly who: string | null; readonly text: string } | null {
  switch (event.type) {
    case 'job.started':
      return { who: event.data.job.createdBy?.name ?? null, text: 'started matching' }
    case 'job.completed':
      return { who: null, text: 'Matching is complete' }
    case 'job.failed':
      return { who: null, text: 'Matching failed' }
    case 'job.cancelled':
      return { who: null, text: 'Matching was cancelled' }
    case 'match.decided': {
      const { status, decidedBy } = event.data.match
      return { who: decidedBy?.name ?? null, text: status === 'confirmed' ? 'confirmed a match' : `${status} a suggestion` }
    }
    case 'match.removed':
      return { who: event.data.match.decidedBy?.name ?? null, text: 'took a match apart' }
    case 'matches.decided':
      return { who: null, text: `${event.data.count} suggestions were decided at once` }
    case 'source.imported':
      return { who: event.data.source.createdBy?.name ?? null, text: `imported ${event.data.source.name}` }
    case 'source.removed':
      return { who: null, text: `${event.data.source.name} was removed` }
    default:
      return null
  }
}
