import '../styles/work.css'
import '../styles/match.css'
import '../styles/tray.css'
import { useEffect, useState } from 'preact/hooks'
import { MAX_NOTE_CHARS, MAX_REASON_CHARS, type RecordView, SIDES, type Side } from '../../protocol/views.js'
import { api, asApiError } from '../api.js'
import { messageOf } from '../deciding.js'
import { currencyName, formatAmount, formatCount, formatDifference } from '../format.js'
import { useKeys } from '../keyboard.js'
import { NARROW, useMedia } from '../media.js'
import { keepNote, noteOf } from '../notes.js'
import { MatchModes } from '../parts/match-modes.js'
import { RecordPicker } from '../parts/record-picker.js'
import type { OpenProjectProps } from '../room.js'
import { useStore } from '../store.js'
import { showToast } from '../toasts.js'
import { emptyTray, isBalanced, type Residual, residualsOf, setPicked, tray, trayOf } from '../tray.js'
import { UNDO_MS, undoAction } from '../undoing.js'

/** Matching by hand: rows of both sides go into a tray whose residual must be nothing, or explained. */
export function TrayPage({ room, blocked, user }: OpenProjectProps) {
  useStore(tray)
  const held = trayOf(room.id)
  const [taken, setTaken] = useState<ReadonlyMap<string, string>>(new Map())
  const [side, setSide] = useState<Side>('left')
  const [reading, setReading] = useState(0)
  const [isStale, setStale] = useState(false)
  const isNarrow = useMedia(NARROW)
  const mayPick = blocked === null

  useEffect(
    () =>
      room.listen({
        onMatch: ({ status, left, right, decidedBy }) => {
          if (status === 'proposed') return
          const by = decidedBy === null ? 'meanwhile' : decidedBy.id === user.id ? 'by you' : `by ${decidedBy.name} meanwhile`
          const what = status === 'confirmed' ? `matched ${by}` : null
          setTaken((before) => {
            const next = new Map(before)
            for (const id of [...left, ...right]) {
              if (what === null) next.delete(id)
              else next.set(id, what)
            }
            return next
          })
        },
        onStale: () => setStale(true),
      }),
    [room],
  )
  // One claim at a time: what was picked last is what somebody is at work on.
  const last = [...held.left, ...held.right].at(-1)
  const target = last === undefined || !mayPick ? null : `record/${last.id}`
  useEffect(() => room.hold(target), [room, target])
  useEffect(() => () => room.hold(null), [room])
  useKeys({
    '/': () => document.getElementById(`search-${isNarrow ? side : 'left'}`)?.focus(),
    Escape: () => (held.left.length + held.right.length > 0 ? emptyTray(room.id) : false),
  })

  return (
    <div class="work work--tray">
      <h1 class="hidden">Match by hand</h1>
      <div class="work__bar">
        <MatchModes project={room.id} current="tray" />
        {isStale && (
          <button
            type="button"
            class="button button--small button--news"
            onClick={() => {
              setStale(false)
              setTaken(new Map())
              setReading((count) => count + 1)
            }}
          >
            Rows have changed — show
          </button>
        )}
        {isNarrow && (
          <fieldset class="segments">
            <legend class="hidden">Side</legend>
            {SIDES.map((value) => (
              <button key={value} type="button" aria-pressed={side === value} onClick={() => setSide(value)}>
                {value === 'left' ? 'Left' : 'Right'} {held[value].length > 0 && formatCount(held[value].length)}
              </button>
            ))}
          </fieldset>
        )}
      </div>
      <div class="tray__sides">
        {SIDES.filter((value) => !isNarrow || value === side).map((value) => (
          <RecordPicker
            key={`${value} ${reading}`}
            room={room}
            side={value}
            picked={held[value]}
            taken={taken}
            mayPick={mayPick}
            userId={user.id}
            onPick={setPicked}
          />
        ))}
      </div>
      {mayPick ? <TrayBar project={room.id} left={held.left} right={held.right} taken={taken} /> : <p class="tray muted">{blocked}</p>}
    </div>
  )
}

/** What is picked, what it comes to, and the match. */
function TrayBar(props: {
  readonly project: string
  readonly left: readonly RecordView[]
  readonly right: readonly RecordView[]
  readonly taken: ReadonlyMap<string, string>
}) {
  const { project, left, right, taken } = props
  const noteId = `tray.${project}`
  const [reason, setReason] = useState('')
  const [note, setNote] = useState(noteOf(noteId))
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const residuals = residualsOf({ left, right })
  const isEven = isBalanced(residuals)
  const lost = [...left, ...right].filter(({ id }) => taken.has(id))
  const isEmpty = left.length + right.length === 0
  // A difference is none yet.
  const missing = left.length === 0 ? 'left' : right.length === 0 ? 'right' : null
  const isReady = left.length > 0 && right.length > 0 && lost.length === 0 && (isEven || reason.trim() !== '')

  const match = async () => {
    if (!isReady || isBusy) return
    setBusy(true)
    setProblem(null)
    try {
      const ids = (records: readonly RecordView[]) => records.map(({ id }) => id)
      const why = isEven ? {} : { reason: reason.trim() }
      const { act } = await api.createMatch(project, { left: ids(left), right: ids(right), ...(note === '' ? {} : { note }), ...why })
      const text = `Matched ${formatCount(left.length)} left with ${formatCount(right.length)} right`
      emptyTray(project)
      setReason('')
      keepNote(noteId, '')
      setNote('')
      showToast({ text, tone: 'plain', action: undoAction(project, [act]), lastsMs: UNDO_MS })
    } catch (failure) {
      setProblem(messageOf(asApiError(failure)))
    }
    setBusy(false)
  }
  useKeys({ Enter: isReady ? () => void match() : undefined })

  if (isEmpty) {
    return (
      <p class="tray tray--empty muted">Tick rows on both sides that belong together. Their sums must agree, or you say why they do not.</p>
    )
  }
  return (
    <form
      class="tray"
      onSubmit={(event) => {
        event.preventDefault()
        void match()
      }}
    >
      <ul class="tray__picked" aria-label="Picked rows">
        {[...left, ...right].map((record) => (
          <li key={record.id} class={taken.has(record.id) ? 'is-taken' : undefined}>
            <span class={`side side--${record.side}`}>{record.side}</span>
            <span class="clip">{record.reference ?? record.externalId ?? `Row ${record.rowNo}`}</span>
            <strong>{record.amount === null ? 'no amount' : formatAmount(record.amount, record.currency)}</strong>
            <button type="button" aria-label="Put back" onClick={() => setPicked(record, false)}>
              ×
            </button>
          </li>
        ))}
      </ul>
      <div class="tray__sum">
        {residuals.map((residual) => (
          <ResidualLine key={residual.currency} residual={residual} missing={missing} />
        ))}
      </div>
      <div class="tray__act">
        {!isEven && missing === null && (
          <label class="field">
            <span>Why the difference is right</span>
            <input
              type="text"
              required
              maxLength={MAX_REASON_CHARS}
              placeholder="Bank fee"
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
        )}
        <label class="field">
          <span>Note</span>
          <input
            type="text"
            maxLength={MAX_NOTE_CHARS}
            placeholder="For the history"
            value={note}
            onInput={(event) => {
              setNote(event.currentTarget.value)
              keepNote(noteId, event.currentTarget.value)
            }}
          />
        </label>
        <button type="submit" class="button button--primary" disabled={!isReady || isBusy}>
          Match {formatCount(left.length)} with {formatCount(right.length)}
        </button>
        <button type="button" class="button button--quiet" onClick={() => emptyTray(project)}>
          Empty
        </button>
      </div>
      {(problem !== null || lost.length > 0) && (
        <p class="notice notice--bad" role="alert">
          {problem ?? `${lost[0]?.reference ?? lost[0]?.externalId ?? 'A row'} was ${taken.get(lost[0]?.id ?? '')}: put it back.`}
        </p>
      )}
    </form>
  )
}

function ResidualLine({ residual, missing }: { readonly residual: Residual; readonly missing: Side | null }) {
  const { currency, left, right, difference } = residual
  const isEven = isBalanced([residual])
  return (
    <p class={`residual${missing !== null ? ' is-begun' : isEven ? ' is-even' : ''}`}>
      <span>{formatAmount(left, currency)}</span>
      <span class="muted">−</span>
      <span>{formatAmount(right, currency)}</span>
      <span class="muted">=</span>
      <strong>{difference === null ? 'unknown' : formatDifference(difference, currency)}</strong>
      <span class="code">{currencyName(currency)}</span>
      <span class="residual__word">{missing !== null ? `pick rows of the ${missing} side` : isEven ? 'balanced' : 'to explain'}</span>
    </p>
  )
}
