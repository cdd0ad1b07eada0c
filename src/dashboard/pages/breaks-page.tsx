import '../styles/work.css'
import '../styles/match.css'
import '../styles/detail.css'
import '../styles/breaks.css'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { BREAK_REASONS, type BreakView, type Summary, type UserRef } from '../../protocol/views.js'
import { api, asApiError, type BreakChange } from '../api.js'
import { type BreakFilter, OPEN_BREAKS } from '../break-list.js'
import { messageOf } from '../deciding.js'
import { Details } from '../details.js'
import { formatCounted, sentence } from '../format.js'
import { isSettled } from '../jobs.js'
import { useKeys } from '../keyboard.js'
import { NARROW, useMedia } from '../media.js'
import { forgetStored, noteOf } from '../notes.js'
import { BreakFilters } from '../parts/break-filters.js'
import { BreakPane } from '../parts/break-pane.js'
import { BreakSection } from '../parts/break-section.js'
import { Empty } from '../parts/states.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'
import { useStore } from '../store.js'
import { showToast } from '../toasts.js'
import { isEverythingSettled } from '../totals.js'
import { UNDO_MS } from '../undoing.js'

/** Rows that no match explains: why, what came closest, whose they are and until when. */
export function BreaksPage({ room, state, blocked, user }: OpenProjectProps) {
  const [filter, setFilter] = useState<BreakFilter>(OPEN_BREAKS)
  const [isGrouped, setGrouped] = useState(false)
  /** How many fit the filters. */
  const [count, setCount] = useState<number | null>(null)
  const [selected, setSelected] = useState<BreakView | null>(null)
  const [isCovering, setCovering] = useState(false)
  const [members, setMembers] = useState<readonly UserRef[]>([user])
  const details = useMemo(() => new Details((id: string) => api.record(room.id, id)), [room])
  const claims = useStore(room.claims)
  const isNarrow = useMedia(NARROW)
  const mayChange = blocked === null
  const isDetailShown = selected !== null && (!isNarrow || isCovering)

  useEffect(() => {
    // Whoever cannot be listed can still take a break themselves.
    const load = () =>
      api.members(room.id).then(
        ({ items }) => setMembers([user, ...items.map((member) => member.user).filter(({ id }) => id !== user.id)]),
        () => undefined,
      )
    void load()
    const stop = room.listen({
      onBreak: (view) => setSelected((held) => (held?.id === view.id && view.version > held.version ? view : held)),
    })
    const hide = room.queries.show(['members'], load)
    return () => {
      stop()
      hide()
    }
  }, [room])

  const opened = isDetailShown && mayChange && selected.status === 'open' ? `record/${selected.record}` : null
  useEffect(() => room.hold(opened), [room, opened])
  useEffect(() => () => room.hold(null), [room])

  /** Newest versions, and the change that is under way: the next one waits for it, otherwise it would meet its own conflict. */
  const newest = useRef(new Map<string, BreakView>())
  const last = useRef<Promise<void>>(Promise.resolve())

  /** Shown at once; what the server says instead, with its name, replaces it. */
  const change = (shown: BreakView, news: Omit<BreakChange, 'version'>) => {
    const { id } = shown
    const assignee = news.assignee === undefined ? shown.assignee : (members.find((member) => member.id === news.assignee) ?? null)
    const optimistic = {
      ...shown,
      assignee,
      status: news.status ?? shown.status,
      dueAt: news.dueAt === undefined ? shown.dueAt : news.dueAt,
      note: news.note === undefined ? shown.note : news.note,
    }
    setSelected((held) => (held?.id === id ? optimistic : held))
    const settle = (next: BreakView) => {
      newest.current.set(id, next)
      setSelected((held) => (held?.id === id ? next : held))
      room.takeBreak(next)
    }
    last.current = last.current.then(async () => {
      const before = newest.current.get(id)
      const { version } = before !== undefined && before.version > shown.version ? before : shown
      try {
        const stored = (await api.changeBreak(room.id, id, { version, ...news })).break
        forgetStored(id, stored.note)
        settle(stored)
        if (news.status === 'resolved') {
          const action = { label: 'Open again', key: 'u', run: () => change(stored, { status: 'open' }) }
          showToast({ text: 'Resolved', tone: 'plain', action, lastsMs: UNDO_MS })
        }
      } catch (failure) {
        const error = asApiError(failure)
        // What is stored now, as the conflict tells (HTTP.md), or what was there before.
        const current = error.code === 'CONFLICT' ? (error.details.current as BreakView) : null
        settle(current ?? before ?? shown)
        const who = current?.assignee == null ? 'Somebody' : current.assignee.name
        const text = current === null ? messageOf(error) : `${who} was faster: this break has changed. Yours was not stored.`
        showToast({ text: `${text}${noteOf(id) === '' ? '' : ' Your note is kept.'}`, tone: 'bad', action: null, lastsMs: null })
      }
    })
  }
  const select = (view: BreakView) => {
    setSelected(view)
    setCovering(true)
  }
  const move = (step: 1 | -1) => {
    const rows = [...document.querySelectorAll<HTMLElement>('[data-break]')].filter((row) => row.checkVisibility())
    const place = rows.findIndex((row) => row.dataset.break === selected?.id)
    const row = rows[Math.max(0, Math.min(rows.length - 1, place + step))]
    row?.querySelector('button')?.click()
    row?.scrollIntoView({ block: 'nearest' })
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    a:
      selected !== null && mayChange ? () => change(selected, { assignee: selected.assignee?.id === user.id ? null : user.id }) : undefined,
    n: () => document.getElementById('note')?.focus(),
    '/': () => document.getElementById('status')?.focus(),
    Escape: () => (isNarrow && isCovering ? setCovering(false) : false),
  })

  const groups = useMemo(
    () => (isGrouped && filter.reason === null ? BREAK_REASONS.map((reason) => ({ ...filter, reason })) : [filter]),
    [filter, isGrouped],
  )
  const isFiltered = JSON.stringify(filter) !== JSON.stringify(OPEN_BREAKS)
  const { breaks, unmatched } = state.summary
  return (
    <div class={`work${isDetailShown && isNarrow ? ' is-covered' : ''}`}>
      <h1 class="hidden">Breaks</h1>
      <section class="work__list" aria-label="Breaks">
        <BreakFilters
          project={room.id}
          filter={filter}
          members={members}
          me={user.id}
          isGrouped={isGrouped}
          onGroup={setGrouped}
          onChange={(news) => {
            setFilter(news)
            setSelected(null)
          }}
        />
        {isFiltered && groups.length === 1 && (
          <div class="work__strip">
            <p>
              <strong>{count === null ? '\u00a0' : formatCounted(count, 'break')}</strong>
            </p>
          </div>
        )}
        {!isFiltered && isSettled(state) && (
          <div class="work__strip">
            <p>
              <strong>{breaks === 0 ? 'No break is open' : `${formatCounted(breaks, 'open break')}`}</strong>
              {isEverythingSettled(state.summary) && ' · everything is settled'}
              {unmatched > 0 && (
                <>
                  {' · '}
                  <a href={routeHref(room.id)}>{formatCounted(unmatched, 'row')} not compared yet</a>
                </>
              )}
            </p>
          </div>
        )}
        <div class="breaks">
          {groups.map((group) => (
            <BreakSection
              key={JSON.stringify(group)}
              room={room}
              filter={group}
              title={groups.length > 1 && group.reason !== null ? sentence(group.reason) : null}
              selected={selected?.id ?? null}
              userId={user.id}
              onSelect={select}
              onCount={setCount}
              nothing={
                isFiltered ? (
                  <NothingFits onShowAll={() => setFilter(OPEN_BREAKS)} />
                ) : (
                  <NothingOpen project={room.id} summary={state.summary} hasResult={isSettled(state)} />
                )
              }
            />
          ))}
        </div>
      </section>
      <div class="work__detail">
        {isDetailShown ? (
          <BreakPane
            project={room.id}
            view={selected}
            details={details}
            members={members}
            me={user.id}
            blocked={blocked}
            claim={claims.get(`record/${selected.record}`) ?? null}
            onChange={(news) => change(selected, news)}
            onClose={() => setCovering(false)}
          />
        ) : (
          <p class="pane__none muted">Choose a row to see it beside the one that came closest.</p>
        )}
      </div>
    </div>
  )
}

function NothingFits({ onShowAll }: { readonly onShowAll: () => void }) {
  return (
    <Empty
      title="No break fits these filters"
      action={
        <button type="button" class="button" onClick={onShowAll}>
          Show all open breaks
        </button>
      }
    >
      Choose another status, side, reason or owner.
    </Empty>
  )
}

/** No break is open: because nothing was compared, or because all is done but for what waits on the match page. */
function NothingOpen(props: { readonly project: string; readonly summary: Summary; readonly hasResult: boolean }) {
  const { project, summary, hasResult } = props
  if (!hasResult) {
    return (
      <Empty title="No breaks yet" action={null}>
        A row that no match explains becomes a break when matching ends, with the reason and the row that came closest.
      </Empty>
    )
  }
  const isDone = isEverythingSettled(summary)
  if (!isDone && summary.suggestions === 0) {
    return (
      <Empty
        title="No break is open"
        action={
          <a class="button button--primary" href={routeHref(project)}>
            To the overview
          </a>
        }
      >
        {formatCounted(summary.unmatched, 'row')} {summary.unmatched === 1 ? 'was' : 'were'} not compared yet. Match again to find their
        pairs.
      </Empty>
    )
  }
  return (
    <Empty
      title={isDone ? 'Everything is settled' : 'No break is open'}
      action={
        <a class={`button${isDone ? '' : ' button--primary'}`} href={routeHref(project, isDone ? 'overview' : 'match')}>
          {isDone ? 'To the overview' : `To the ${formatCounted(summary.suggestions, 'suggestion')}`}
        </a>
      }
    >
      {isDone
        ? 'Every suggestion is decided, and every break is resolved.'
        : 'Every break is resolved. Some suggestions still wait for a decision.'}
    </Empty>
  )
}
