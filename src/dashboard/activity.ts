import type { BreakField, Event, KnownEvent } from '../protocol/events.js'
import type { BreakView } from '../protocol/views.js'
import { formatConfidence, formatCounted, formatDate } from './format.js'
import { MANUAL_RULE } from './matches.js'

const MAX_SHOWN = 12
/** Characters of a note; all of it stands with the break. */
const MAX_QUOTED = 100

/** What somebody said about a break. */
const SAID: Readonly<Record<Exclude<BreakField, 'note'>, (view: BreakView, actor: string | null) => string>> = {
  assignee: ({ assignee }, actor) =>
    assignee === null ? 'gave a break up' : assignee.id === actor ? 'took a break' : `gave a break to ${assignee.name}`,
  dueAt: ({ dueAt }) => (dueAt === null ? 'took a break’s due date away' : `made a break due ${formatDate(dueAt.slice(0, 10))}`),
  status: ({ status }) => (status === 'resolved' ? 'resolved a break' : 'opened a break again'),
}

/** One line of what happened while the page was open. */
export interface Activity {
  readonly id: string
  readonly at: string
  readonly who: string | null
  readonly text: string
}

/** The event as a line of the activity list; null: not worth one. `nameOf`: what somebody is called. */
export function describe(event: Event & KnownEvent, nameOf: (user: string) => string): Activity | null {
  const line = lineOf(event, event.actor === null ? null : nameOf(event.actor))
  return line && { id: event.id, at: event.at, ...line }
}

/** The lines with one more. Of what one act did, which has one time, its first line stands: the others are what followed from it. */
export function withActivity(lines: readonly Activity[], news: Activity): readonly Activity[] {
  const isSameAct = lines.some(({ id, at, who }) => id === news.id || (at === news.at && who !== null && who === news.who))
  return isSameAct ? lines : [news, ...lines].slice(0, MAX_SHOWN)
}

function lineOf(event: KnownEvent, actor: string | null): { readonly who: string | null; readonly text: string } | null {
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
      const { status } = event.data.match
      return { who: actor, text: status === 'proposed' ? 'took a decision back' : `${status} a suggestion` }
    }
    case 'match.created': {
      const { left, right } = event.data.match
      return { who: actor, text: `matched ${formatCounted(left.length + right.length, 'row')} by hand` }
    }
    case 'match.removed': {
      const { decidedBy, rule } = event.data.match
      if (decidedBy !== null) return { who: actor, text: 'took a match apart' }
      // Any other one lost its rows to what was told before it.
      return rule === MANUAL_RULE ? { who: actor, text: 'took a match by hand back' } : null
    }
    case 'matches.decided': {
      const { count, filter, undone } = event.data
      if (undone) return { who: actor, text: `took ${formatCounted(count, 'decision')} back` }
      const { minConfidence } = filter
      const least = typeof minConfidence === 'string' ? ` at ≥ ${formatConfidence(minConfidence)}` : ''
      return { who: actor, text: `confirmed ${formatCounted(count, 'suggestion')}${least} at once` }
    }
    case 'break.changed': {
      // What a job makes of breaks is in its figures.
      if (actor === null) return null
      const { changed = [], break: view } = event.data
      // Where nothing was said of the break itself, it follows from what became of a match.
      const fields = changed.length === 0 ? (['status'] as const) : changed
      const said = fields.flatMap((field) => (field === 'note' ? [] : [SAID[field](view, event.actor)])).join(' and ')
      return { who: actor, text: fields.includes('note') ? withNote(said, view.note) : said }
    }
    case 'member.changed': {
      const { user, role } = event.data.member
      return { who: actor, text: role === null ? `removed ${user.name} from the project` : `made ${user.name} ${role}` }
    }
    case 'source.imported':
      return { who: event.data.source.createdBy?.name ?? null, text: `imported ${event.data.source.name}` }
    case 'source.removed':
      return { who: actor, text: `removed ${event.data.source.name}` }
    default:
      return null
  }
}

/** What was said, with the note that says why. */
function withNote(said: string, note: string | null): string {
  if (note === null) return [said, 'took a break’s note away'].filter((text) => text !== '').join(' and ')
  const letters = [...note]
  const quoted = letters.length > MAX_QUOTED ? `${letters.slice(0, MAX_QUOTED).join('').trimEnd()}…` : note
  return `${said || 'noted on a break'}: “${quoted}”`
}
