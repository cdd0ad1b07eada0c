import '../styles/bulk.css'
import { useEffect, useState } from 'preact/hooks'
import { announce } from '../announce.js'
import { type ApiError, api, asApiError, type BulkPreview } from '../api.js'
import { messageOf } from '../deciding.js'
import { currencyCode, formatAmount, formatConfidence, formatCount } from '../format.js'
import type { MatchList } from '../match-list.js'
import type { MatchRow } from '../matches.js'
import { showToast } from '../toasts.js'
import { UNDO_MS, undoAction } from '../undoing.js'
import { Choice } from './choice.js'

const LIMITS = ['0.99', '0.98', '0.97', '0.95', '0.9', '0.85', '0.8', '0.7', '0.6', '0.5']
const DEFAULT_LIMIT = '0.95'

export interface BulkDialogProps {
  readonly project: string
  readonly list: MatchList
  readonly rules: readonly string[]
  readonly onClose: () => void
}

/** Confirms all suggestions above a confidence: the server counts before, and refuses when the count is another one by then. */
export function BulkDialog({ project, list, rules, onClose }: BulkDialogProps) {
  const [minConfidence, setMinConfidence] = useState(list.filter.minConfidence ?? DEFAULT_LIMIT)
  const [rule, setRule] = useState(list.filter.rule)
  const [count, setCount] = useState<number | null>(null)
  const [value, setValue] = useState<BulkPreview['value']>([])
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const filter = { minConfidence, ...(rule === null ? {} : { rule }) }

  useEffect(() => {
    let isCurrent = true
    setCount(null)
    setValue([])
    api.countBulk(project, filter).then(
      (answer) => {
        if (!isCurrent) return
        setCount(answer.count)
        setValue(answer.value)
        announce(`${formatCount(answer.count)} suggestions`, 'answer')
      },
      (failure: unknown) => isCurrent && setProblem(messageOf(asApiError(failure))),
    )
    return () => {
      isCurrent = false
    }
  }, [project, minConfidence, rule])

  const choose = (change: () => void) => {
    setProblem(null)
    change()
  }
  const confirm = async () => {
    if (count === null || count === 0) return
    setBusy(true)
    setProblem(null)
    try {
      const { act, count: done } = await api.decideBulk(project, filter, count)
      const text = `Confirmed ${formatCount(done)} at ≥ ${formatConfidence(minConfidence)}`
      showToast({ text, tone: 'plain', action: undoAction(project, [act]), lastsMs: UNDO_MS })
      onClose()
    } catch (failure) {
      const error = asApiError(failure)
      if (error.code === 'COUNT_CHANGED') {
        const now = countOf(error)
        setProblem(
          `Somebody decided meanwhile: ${now === null ? 'another number meets' : now === 1 ? '1 suggestion meets' : `${formatCount(now)} suggestions meet`} this now, not ${formatCount(count)}. Nothing was confirmed.`,
        )
        setCount(now)
        setValue([])
      } else setProblem(messageOf(error))
    }
    setBusy(false)
  }
  const least = list.leastSure(minConfidence, rule)
  return (
    <dialog
      class="dialog"
      aria-labelledby="bulk-title"
      closedby="any"
      ref={(element) => {
        if (element?.open === false) element.showModal()
      }}
      onClose={onClose}
    >
      <form
        class="dialog__body"
        onSubmit={(event) => {
          event.preventDefault()
          void confirm()
        }}
      >
        <h2 id="bulk-title">Confirm many at once</h2>
        <div class="bulk__filter">
          <Choice
            label="Confidence at least"
            value={minConfidence}
            options={[...new Set([...LIMITS, minConfidence])].toSorted().map((value) => [value, formatConfidence(value)] as const)}
            onChange={(value) => choose(() => setMinConfidence(value))}
          />
          <Choice
            label="Rule"
            value={rule}
            options={[[null, 'Any rule'], ...rules.map((name) => [name, name] as const)]}
            onChange={(value) => choose(() => setRule(value))}
          />
        </div>
        <p class="bulk__count">
          {count === null ? (
            <span class="muted">Counting…</span>
          ) : (
            <>
              <strong>{formatCount(count)}</strong> {count === 1 ? 'suggestion' : 'suggestions'} will be confirmed.
            </>
          )}
        </p>
        {value.length > 0 && (
          <ul class="small bulk__value">
            {value.map(({ currency, left, right }) => (
              <li key={currency}>
                Left {formatAmount(left, currency)}, right {formatAmount(right, currency)}{' '}
                <span class="code">{currencyCode(currency)}</span>
              </li>
            ))}
          </ul>
        )}
        {least.length > 0 && <Least rows={least} />}
        <p class="muted small">
          Where two share a row, the surer one is confirmed. Everybody here sees it; you can take it back for ten seconds.
        </p>
        {problem !== null && (
          <p class="notice notice--bad" role="alert">
            {problem}
          </p>
        )}
        <div class="row row--end">
          <button type="button" class="button button--quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class="button button--primary" disabled={isBusy || count === null || count === 0}>
            {count === null || count === 0 ? 'Confirm' : `Confirm ${formatCount(count)}`}
          </button>
        </div>
      </form>
    </dialog>
  )
}

/** Whoever agrees to all should look at the worst of them. */
function Least({ rows }: { readonly rows: readonly MatchRow[] }) {
  return (
    <table class="table bulk__least">
      <caption>The least sure of them</caption>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id}>
            <td>{formatConfidence(row.confidence)}</td>
            <td>
              <span class="clip">{row.left.text}</span>
              <span class="clip muted">{row.right.text}</span>
            </td>
            <td class="num">
              {row.left.amount !== null && formatAmount(row.left.amount, row.currency)}
              <span class="code"> {currencyCode(row.currency)}</span>
              <br />
              <span class="muted">{row.right.amount !== null && formatAmount(row.right.amount, row.currency)}</span>
              <span class="code"> {currencyCode(row.currency)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function countOf({ details }: ApiError): number | null {
  return typeof details.count === 'number' ? details.count : null
}
