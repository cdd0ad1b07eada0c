import '../styles/work.css'
import '../styles/match.css'
import '../styles/detail.css'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Summary } from '../../protocol/views.js'
import { api, asApiError } from '../api.js'
import { decideAll, messageOf } from '../deciding.js'
import { Details } from '../details.js'
import { formatCount, formatCounted } from '../format.js'
import { inFrame } from '../frames.js'
import { useKeys } from '../keyboard.js'
import { type MatchFilter, MatchList, SUGGESTED } from '../match-list.js'
import { type Decision, type Entry, isOpen, MANUAL_RULE, nextOpen, rowOf } from '../matches.js'
import { NARROW, useMedia } from '../media.js'
import { keepNote, noteOf } from '../notes.js'
import { BulkDialog } from '../parts/bulk-dialog.js'
import { KeyHint } from '../parts/key-hint.js'
import { MatchPane } from '../parts/match-detail.js'
import { MatchFilters } from '../parts/match-filters.js'
import { MatchGrid } from '../parts/match-grid.js'
import { MatchModes } from '../parts/match-modes.js'
import { Empty, Failure, Skeleton } from '../parts/states.js'
import { type OpenProjectProps, othersClaim, type Room } from '../room.js'
import { routeHref } from '../route.js'
import { useStore } from '../store.js'
import { showToast } from '../toasts.js'
import { countStates, isEverythingSettled } from '../totals.js'
import { UNDO_MS, undoAction } from '../undoing.js'

/** Details that are fetched before they are looked at. */
const FETCHED_AHEAD = 2
/** Matches as a list with the selected one beside it; decided by key or button, in step with everybody else. */
export function MatchPage({ room, state, blocked, user }: OpenProjectProps) {
  const [filter, setFilter] = useState<MatchFilter>(SUGGESTED)
  const [reading, setReading] = useState(0)
  const list = useMatchList(room, filter, reading)
  useStore(list.changes)
  const claims = useStore(room.claims)
  const details = useMemo(() => new Details((id: string) => api.match(room.id, id)), [room])
  const [chosen, setChosen] = useState<string | null>(null)
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set())
  const [isCovering, setCovering] = useState(false)
  const [isBulk, setBulk] = useState(false)
  const isNarrow = useMedia(NARROW)
  const rules = useRef(new Set<string>())
  for (const rule of list.rules) rules.current.add(rule)
  const mayDecide = blocked === null
  const { entries } = list
  // Nothing was chosen yet: the first one, so that a decision needs no key before it.
  const selected = chosen ?? entries[0]?.row.id ?? null
  const isDetailShown = selected !== null && (!isNarrow || isCovering)

  const begin = (news: MatchFilter) => {
    setFilter(news)
    setReading((count) => count + 1)
    setChosen(null)
    setMarked(new Set())
  }

  const open = (id: string) => {
    setChosen(id)
    setCovering(isNarrow)
  }

  /** Decides, and goes on to what is open below; with `stay` the selection is no row of the list. */
  const decide = async (ids: readonly string[], decision: Decision) => {
    if (!mayDecide) return
    const place = selected === null ? -1 : list.placeOf(selected)
    const deciding = decideAll({ project: room.id, list, userId: user.id }, ids, decision)
    const next = list.entries[nextOpen(list.entries, place)]
    if (selected !== null && ids.includes(selected) && next !== undefined) {
      setChosen(next.row.id)
      // Nothing is left to go on to: the list says so.
      if (!isOpen(next)) setCovering(false)
    }
    setMarked(new Set())
    const { acts, done, refused } = await deciding
    const verb = decision === 'confirm' ? 'Confirmed' : 'Rejected'
    const [first] = refused
    if (first !== undefined) {
      const more = refused.length > 1 ? ` And ${formatCount(refused.length - 1)} more were not stored.` : ''
      showToast({
        text: `${first.refusal.text}${noteOf(first.match) === '' ? '' : ' Your note is kept.'}${more}`,
        tone: 'bad',
        action: { label: 'Show', key: null, run: () => open(first.match) },
        lastsMs: null,
      })
    } else if (done.length > 0) {
      showToast({
        text: done.length === 1 ? verb : `${verb} ${formatCount(done.length)}`,
        tone: 'plain',
        action: undoAction(room.id, acts, () => done[0] !== undefined && open(done[0])),
        lastsMs: UNDO_MS,
      })
    }
  }
  // Where the detail covers the list, what is ticked is out of sight: keys mean what is seen.
  const isMarkedMeant = marked.size > 0 && !(isNarrow && isCovering)
  const decideSelected = (decision: Decision) => {
    if (isMarkedMeant) void decide([...marked], decision)
    else if (selected !== null) void decide([selected], decision)
  }
  /** Takes a confirmed match apart: its rows are open again. */
  const takeApart = async ({ row }: Entry) => {
    list.change(row.id, { pending: 'undo', refusal: null })
    try {
      const note = noteOf(row.id)
      const { act, match } = await api.removeMatch(room.id, row.id, { version: row.version, ...(note === '' ? {} : { note }) })
      keepNote(row.id, '')
      list.change(row.id, { pending: null, row: rowOf(match) })
      showToast({ text: 'Taken apart: its rows are open again', tone: 'plain', action: undoAction(room.id, [act]), lastsMs: UNDO_MS })
    } catch (failure) {
      const text = messageOf(asApiError(failure))
      list.change(row.id, { pending: null, refusal: { brief: 'Not stored', text } })
      showToast({ text, tone: 'bad', action: null, lastsMs: null })
    }
    details.drop(row.id)
  }
  const mark = (id: string) => {
    const entry = list.get(id)
    if (entry === undefined || !isOpen(entry)) return
    const next = new Set(marked)
    if (!next.delete(id)) next.add(id)
    setMarked(next)
  }
  const move = (step: 1 | -1) => {
    const entry = entries[Math.max(0, Math.min(entries.length - 1, (selected === null ? -1 : list.placeOf(selected)) + step))]
    if (entry !== undefined) setChosen(entry.row.id)
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: mayDecide && selected !== null ? () => mark(selected) : undefined,
    r: mayDecide ? () => decideSelected('reject') : undefined,
    Enter: mayDecide ? () => decideSelected('confirm') : undefined,
    n: () => document.getElementById('note')?.focus(),
    '/': () => document.getElementById('search')?.focus(),
    Escape: () => (isCovering ? setCovering(false) : marked.size > 0 ? setMarked(new Set()) : false),
  })

  useEffect(() => {
    // What is decided next is there before somebody comes to it.
    const place = selected === null ? -1 : list.placeOf(selected)
    if (place < 0 || !isDetailShown) return
    for (const { row } of list.entries.slice(place + 1, place + 1 + FETCHED_AHEAD)) void details.load(row.id)
  }, [selected, isDetailShown, list])

  const opened = isDetailShown && mayDecide && list.get(selected)?.row.status === 'proposed' ? `match/${selected}` : null
  useEffect(() => room.hold(opened), [room, opened])
  useEffect(() => () => room.hold(null), [room])

  // Chosen away and back, it is another object.
  const isFiltered = JSON.stringify(filter) !== JSON.stringify(SUGGESTED)
  // Of all suggestions the server tells how many there are, before they were read.
  const total = !isFiltered && !list.isComplete ? state.summary.suggestions : null
  return (
    <div class={`work${isCovering ? ' is-covered' : ''}`}>
      <h1 class="hidden">Match</h1>
      <section class="work__list" aria-label="Matches">
        <div class="work__bar">
          <MatchModes project={room.id} current="match" />
          <MatchFilters filter={filter} rules={[...rules.current]} onChange={begin} />
        </div>
        {(entries.length > 0 || list.isStale || list.unseen > 0) && (
          <ListStrip list={list} total={total} project={room.id} summary={state.summary} onShow={() => begin(filter)}>
            {/* It goes by confidence and rule: what is searched for would not be what it means. */}
            {mayDecide && filter.status === 'proposed' && filter.q === '' && entries.length > 0 && (
              <button type="button" class="button button--small" onClick={() => setBulk(true)}>
                Confirm many…
              </button>
            )}
          </ListStrip>
        )}
        {list.error !== null && entries.length === 0 && <Failure error={list.error} onRetry={() => list.retry()} />}
        {!list.isLoaded && list.error === null && <Skeleton kind="rows" />}
        {list.isComplete && entries.length === 0 && (
          <NothingHere
            project={room.id}
            isFiltered={isFiltered}
            summary={state.summary}
            hasRows={countStates(state.summary).all > 0}
            onShowAll={() => begin(SUGGESTED)}
          />
        )}
        {entries.length > 0 && (
          <MatchGrid
            list={list}
            details={details}
            selected={selected}
            marked={marked}
            mayDecide={mayDecide}
            userId={user.id}
            room={room}
            total={total}
            onSelect={setChosen}
            onMark={mark}
            onOpen={open}
          />
        )}
        {list.error !== null && entries.length > 0 && (
          <p class="notice notice--bad work__error" role="alert">
            The list could not be read on.{' '}
            <button type="button" class="link-button" onClick={() => list.retry()}>
              Try again
            </button>
          </p>
        )}
        {marked.size > 0 && (
          <div class="work__marked">
            <strong>{formatCount(marked.size)} selected</strong>
            <button type="button" class="button button--primary button--small" onClick={() => decideSelected('confirm')}>
              Confirm {formatCount(marked.size)} <KeyHint name="Enter" />
            </button>
            <button type="button" class="button button--small" onClick={() => decideSelected('reject')}>
              Reject {formatCount(marked.size)} <KeyHint name="r" />
            </button>
            <button type="button" class="button button--small button--quiet" onClick={() => setMarked(new Set())}>
              Clear
            </button>
          </div>
        )}
      </section>
      {isBulk && (
        <BulkDialog
          project={room.id}
          list={list}
          rules={[...rules.current].filter((rule) => rule !== MANUAL_RULE)}
          onClose={() => setBulk(false)}
        />
      )}
      {isDetailShown && (
        <div class="work__detail">
          <MatchPane
            id={selected}
            entry={list.get(selected)}
            details={details}
            blocked={blocked}
            hasKeys={!isMarkedMeant}
            userId={user.id}
            claimedBy={othersClaim(claims, `match/${selected}`, user.id)}
            onDecide={(decision) => void decide([selected], decision)}
            onRemove={(entry) => void takeApart(entry)}
            onOpen={setChosen}
            onFresh={(match) => list.take(match)}
            onClose={() => setCovering(false)}
          />
        </div>
      )}
    </div>
  )
}

/** No row: because of the filters, because nothing was imported, or because the work is done. */
function NothingHere(props: {
  readonly project: string
  readonly isFiltered: boolean
  readonly summary: Summary
  readonly hasRows: boolean
  readonly onShowAll: () => void
}) {
  const { project, isFiltered, summary, hasRows, onShowAll } = props
  const { breaks, unmatched } = summary
  if (isFiltered) {
    return (
      <Empty
        title="Nothing fits these filters"
        action={
          <button type="button" class="button" onClick={onShowAll}>
            Show all suggestions
          </button>
        }
      >
        Search for less, lower the confidence or choose another status.
      </Empty>
    )
  }
  if (!hasRows) {
    return (
      <Empty
        title="Nothing to match yet"
        action={
          <a class="button button--primary" href={routeHref(project, 'import')}>
            Import two files
          </a>
        }
      >
        Pairs that are likely but not certain will wait here for a person.
      </Empty>
    )
  }
  if (unmatched > 0) {
    return (
      <Empty
        title={`${formatCounted(unmatched, 'row')} not compared yet`}
        action={
          <a class="button button--primary" href={routeHref(project)}>
            To the overview
          </a>
        }
      >
        Every suggestion is decided, but not every row was compared. Match again to find their pairs.
      </Empty>
    )
  }
  if (breaks === 0) {
    return (
      <Empty
        title="Everything is settled"
        action={
          <a class="button" href={routeHref(project)}>
            To the overview
          </a>
        }
      >
        Every suggestion is decided, and no break is open.
      </Empty>
    )
  }
  return (
    <Empty
      title="Nothing left to decide"
      action={
        <a class="button button--primary" href={routeHref(project, 'breaks')}>
          To the breaks
        </a>
      }
    >
      Every suggestion is decided. {formatCounted(breaks, 'break')} {breaks === 1 ? 'is' : 'are'} left: rows that no match explains.
    </Empty>
  )
}

/** How the list stands, in a place that is always there: nothing moves when it has something to say. */
function ListStrip(props: {
  readonly list: MatchList
  readonly total: number | null
  readonly project: string
  readonly summary: Summary
  readonly onShow: () => void
  readonly children: ComponentChildren
}) {
  const { list, total, project, summary, onShow, children } = props
  const { breaks, unmatched } = summary
  const { unseen, decided, isStale, isComplete, entries } = list
  const left = entries.length - decided
  const isSuggested = list.filter.status === 'proposed'
  const isDone = isComplete && left === 0 && JSON.stringify(list.filter) === JSON.stringify(SUGGESTED)
  const shown = `${formatCount(total ?? left)}${isComplete || total !== null ? '' : ' and more'} ${isSuggested ? 'to decide' : left === 1 ? 'match' : 'matches'}`
  const action = isStale ? 'Show the new list' : unseen > 0 ? `${formatCount(unseen)} new — show` : decided > 0 ? 'Clear decided' : null
  return (
    <div class="work__strip">
      <p>
        {list.isLoaded && <strong>{isDone ? 'Nothing left to decide' : shown}</strong>}
        {list.isLoaded && isDone && breaks > 0 && (
          <>
            {' · '}
            <a href={routeHref(project, 'breaks')}>{formatCounted(breaks, 'break')} left</a>
          </>
        )}
        {list.isLoaded && isDone && isEverythingSettled(summary) && ' · everything is settled'}
        {list.isLoaded && isSuggested && unmatched > 0 && (
          <>
            {' · '}
            <a href={routeHref(project)}>{formatCounted(unmatched, 'row')} not compared yet</a>
          </>
        )}
        {decided > 0 && <span class="muted"> · {formatCount(decided)} decided here</span>}
        {isStale && <span class="muted"> · the list has changed</span>}
      </p>
      {action !== null && (
        <button type="button" class={`button button--small${isStale || unseen > 0 ? ' button--news' : ''}`} onClick={onShow}>
          {action}
        </button>
      )}
      {children}
    </div>
  )
}

/** The list of a filter, read anew whenever `reading` counts on, and kept in step with the room. */
function useMatchList(room: Room, filter: MatchFilter, reading: number): MatchList {
  // Another reading is another list.
  const list = useMemo(() => new MatchList(filter, (query) => api.matches(room.id, { ...query }), inFrame), [room, filter, reading])
  useEffect(() => {
    list.need(0)
    const stop = room.listen({
      onMatch: (match) => list.take(match),
      onBulk: (bulk) => list.takeBulk(bulk),
      onStale: () => list.markStale(),
    })
    const hide = room.queries.show(['matches'], () => list.refresh())
    return () => {
      stop()
      hide()
      list.close()
    }
  }, [room, list])
  return list
}
