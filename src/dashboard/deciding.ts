import { type ApiError, api, asApiError, type DecisionResult } from './api.js'
import { formatClock, formatMessage } from './format.js'
import type { MatchList } from './match-list.js'
import { type Decision, isOpen, type Refusal, rowOf, statusWord } from './matches.js'
import { keepNote, noteOf } from './notes.js'

/** Items of one request; more are sent one request after another. */
const MAX_ITEMS = 1_000

/** What came of deciding. */
export interface Decided {
  /** One per request; each is undone by itself. */
  readonly acts: readonly string[]
  readonly done: readonly string[]
  readonly refused: readonly { readonly match: string; readonly refusal: Refusal }[]
}

/**
 * Decides open entries of the list: shown at once, taken back where the server says no, with the name of who was faster. A note is
 * sent with the decision and forgotten only when it has arrived.
 */
export async function decideAll(
  { project, list, userId }: { readonly project: string; readonly list: MatchList; readonly userId: string },
  ids: readonly string[],
  decision: Decision,
): Promise<Decided> {
  const items = ids.flatMap((id) => {
    const entry = list.get(id)
    return entry !== undefined && isOpen(entry) ? [{ match: id, version: entry.row.version, decision, note: noteOf(id) || null }] : []
  })
  for (const { match } of items) list.change(match, { pending: decision, refusal: null })
  const acts: string[] = []
  const done: string[] = []
  const refused: { match: string; refusal: Refusal }[] = []
  for (let from = 0; from < items.length; from += MAX_ITEMS) {
    const batch = items.slice(from, from + MAX_ITEMS)
    try {
      const answer = await api.decide(project, batch)
      acts.push(answer.act)
      for (const result of answer.items) {
        const refusal = refusalOf(result, userId)
        list.change(result.match, { pending: null, row: rowOf(result.current), refusal })
        if (refusal === null) {
          done.push(result.match)
          keepNote(result.match, '')
        } else refused.push({ match: result.match, refusal })
      }
    } catch (failure) {
      const refusal = { brief: 'Not stored', text: messageOf(asApiError(failure)) }
      for (const { match } of batch) {
        list.change(match, { pending: null, refusal })
        refused.push({ match, refusal })
      }
    }
  }
  return { acts, done, refused }
}

export function messageOf(error: ApiError): string {
  return error.requestId === null ? formatMessage(error.message) : `${formatMessage(error.message)} Request ${error.requestId}`
}

function refusalOf({ result, current }: DecisionResult, userId: string): Refusal | null {
  switch (result) {
    case 'done':
      return null
    case 'conflict': {
      const { decidedBy, decidedAt } = current
      if (decidedBy === null) {
        return { brief: 'Has changed', text: 'This suggestion has changed meanwhile: a job or another decision touched its rows.' }
      }
      const brief = decidedBy.id === userId ? 'You were faster' : `${decidedBy.name} was faster`
      return {
        brief,
        text: `${brief}: ${statusWord(current).toLowerCase()}${decidedAt === null ? '' : ` at ${formatClock(decidedAt)}`}. Yours was not stored.`,
      }
    }
    case 'forbidden':
      return { brief: 'Not allowed', text: 'Your role may not decide this.' }
    case 'needs-second-person':
      return { brief: 'Needs a second', text: 'A second person has to confirm this.' }
  }
}
