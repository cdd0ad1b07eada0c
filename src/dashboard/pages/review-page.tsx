import '../styles/review.css'
import '../styles/pair.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { type ApiError, api, type DecisionResult } from '../api.js'
import { Details } from '../details.js'
import { formatCount, formatMessage } from '../format.js'
import { appendMatches, isOpen, mergeMatch, nextOpen, type Suggestion } from '../matches.js'
import { ExportLinks } from '../parts/export-links.js'
import { Empty, Failure, Skeleton } from '../parts/states.js'
import { SuggestionCard } from '../parts/suggestion.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'
import { asApiError } from '../session.js'

const PAGE_SIZE = 25

/** What the engine suggests, surest first; decided by button or key, in step with everybody else. */
export function ReviewPage({ room, state, user }: OpenProjectProps) {
  const [list, setList] = useState<readonly Suggestion[] | null>(null)
  const [cursor, setCursor] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [selected, setSelected] = useState(0)
  const [isStale, setStale] = useState(false)
  const details = useMemo(() => new Details((id: string) => api.match(room.id, id)), [room])
  const current = useRef({ list, selected })
  current.current = { list, selected }
  const mayDecide = state.role !== 'viewer'

  const load = async (after: string | null) => {
    setError(null)
    try {
      const page = await api.matches(room.id, { status: 'proposed', limit: PAGE_SIZE, cursor: after })
      setList((held) => appendMatches(after === null ? [] : (held ?? []), page.items))
      setCursor(page.nextCursor)
      if (after === null) {
        setSelected(0)
        setStale(false)
      }
    } catch (failure) {
      setError(asApiError(failure))
    }
  }

  const decide = async (index: number, decision: 'confirm' | 'reject') => {
    const entry = current.current.list?.[index]
    if (entry === undefined || !isOpen(entry) || !mayDecide) return
    const { id, version } = entry.match
    const change = (news: Partial<Suggestion>) =>
      setList((held) => held?.map((other) => (other.match.id === id ? { ...other, ...news } : other)) ?? held)
    change({ pending: decision, refusal: null })
    setSelected(nextOpen(current.current.list ?? [], index, 1))
    try {
      const answer = (await api.decide(room.id, { match: id, version, decision })).items[0]
      if (answer !== undefined) setList((held) => (held === null ? held : mergeMatch(held, answer.current)))
      change({ pending: null, refusal: answer === undefined ? null : refusalOf(answer) })
    } catch (failure) {
      change({ pending: null, refusal: formatMessage(asApiError(failure).message) })
    }
  }

  useEffect(() => {
    void load(null)
    return room.listen({
      onMatch: (match) => setList((held) => (held === null ? held : mergeMatch(held, match))),
      onStale: () => {
        // With nothing decided on the screen nothing can move under a pointer.
        if ((current.current.list ?? []).length === 0) void load(null)
        else setStale(true)
      },
    })
  }, [room])

  useEffect(() => {
    const handleKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return
      if (event.target.closest('input, select, textarea, dialog') !== null) return
      // Enter on a button or link means that button or link.
      if (event.key === 'Enter' && event.target.closest('button, a, summary') !== null) return
      const held = current.current
      const entries = held.list ?? []
      if (event.key === 'j') setSelected(Math.min(entries.length - 1, held.selected + 1))
      else if (event.key === 'k') setSelected(Math.max(0, held.selected - 1))
      else if (event.key === 'Enter') void decide(held.selected, 'confirm')
      else if (event.key === 'r') void decide(held.selected, 'reject')
      else return
      event.preventDefault()
    }
    addEventListener('keydown', handleKey)
    return () => removeEventListener('keydown', handleKey)
  }, [room, mayDecide])

  const open = list?.filter(isOpen).length ?? 0
  const decided = (list?.length ?? 0) - open
  return (
    <>
      <div class="page__head">
        <div>
          <h1>Suggestions</h1>
          <p class="muted keys">
            {mayDecide ? (
              <>
                <kbd>j</kbd> <kbd>k</kbd> move · <kbd>Enter</kbd> confirm · <kbd>r</kbd> reject
              </>
            ) : (
              'You may look; analysts decide.'
            )}
          </p>
        </div>
        <ExportLinks project={room.id} only="matches" />
      </div>
      {error !== null && <Failure error={error} onRetry={() => void load(list === null ? null : cursor)} />}
      {list === null && error === null && <Skeleton kind="cards" />}
      {list !== null && list.length > 0 && (
        // Always there: if it came with the first decision, everything would move under the pointer.
        <div class="strip" role="status">
          {isStale
            ? 'A job or a bulk decision changed this list.'
            : decided === 0
              ? `${formatCount(open)} on this page, the surest first.`
              : `${formatCount(decided)} decided, ${formatCount(open)} left on this page.`}
          {(isStale || decided > 0) && (
            <button type="button" class="button button--small" onClick={() => void load(null)}>
              {isStale ? 'Show the new list' : 'Clear decided'}
            </button>
          )}
        </div>
      )}
      {list !== null && list.length === 0 && (
        <Empty
          title="Nothing to review"
          action={
            <a class="button" href={routeHref(room.id)}>
              To the overview
            </a>
          }
        >
          Pairs that are likely but not certain wait here for a person. There are none at the moment.
        </Empty>
      )}
      <ol class="suggestions">
        {(list ?? []).map((entry, index) => (
          <SuggestionCard
            key={entry.match.id}
            entry={entry}
            details={details}
            isSelected={index === selected}
            mayDecide={mayDecide}
            userId={user.id}
            onSelect={() => setSelected(index)}
            onDecide={(decision) => void decide(index, decision)}
          />
        ))}
      </ol>
      {cursor !== null && (
        <button type="button" class="button more" onClick={() => void load(cursor)}>
          More suggestions
        </button>
      )}
    </>
  )
}

function refusalOf({ result, current }: DecisionResult): string | null {
  switch (result) {
    case 'done':
      return null
    case 'conflict':
      return current.decidedBy === null ? 'It has changed meanwhile.' : `${current.decidedBy.name} was faster.`
    case 'forbidden':
      return 'Your role may not decide this.'
    case 'needs-second-person':
      return 'A second person has to confirm this.'
  }
}
