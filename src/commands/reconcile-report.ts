import { minorDigits, subtract } from '../money.js'
import type { BreakReason, ControlTotal, JobView, RecordState, Side, SourceView, Summary } from '../protocol/views.js'
import { count } from './progress-bar.js'

/** What a reconciliation came to; `--json` prints it as it is. Money is decimal text. */
export interface ReconcileReport {
  readonly files: Readonly<Record<Side, Pick<SourceView, 'name' | 'rows'>>>
  /** Records by what became of them. */
  readonly records: Readonly<Record<Side, Readonly<Record<Exclude<RecordState, 'excluded'>, number>>>>
  /** Pairs. */
  readonly matched: number
  /** Pairs; a record can be in several. */
  readonly suggested: number
  /** Records. */
  readonly breaks: number
  readonly breaksByReason: readonly { readonly side: Side; readonly reason: BreakReason; readonly count: number }[]
  readonly controlTotals: readonly ControlTotal[]
  /** Left total − right total, per currency. */
  readonly differences: readonly { readonly currency: string; readonly difference: string }[]
  readonly notices: JobView['notices']
  readonly resultHash: string | null
  readonly importMs: number
  /** Import, job and all between. */
  readonly elapsedMs: number
}

/** Left total − right total per currency; a side without the currency counts as zero. */
export function differencesOf(totals: readonly ControlTotal[]): ReconcileReport['differences'] {
  return byCurrency(totals).map(({ currency, left, right }) => ({ currency, difference: subtract(left.total, right.total) }))
}

/** Records by side and state, whatever their currency. */
export function recordsOf({ totals }: Pick<Summary, 'totals'>): ReconcileReport['records'] {
  const sum = (side: Side, state: RecordState) =>
    totals.filter((row) => row.side === side && row.state === state).reduce((total, row) => total + row.count, 0)
  const of = (side: Side) => ({ matched: sum(side, 'matched'), suggested: sum(side, 'suggested'), open: sum(side, 'open') })
  return { left: of('left'), right: of('right') }
}

/** The report as a table for people, at most 80 columns wide unless amounts need more. */
export function formatReport(report: ReconcileReport): string {
  const { files, records, notices } = report
  const both = (label: string, value: (side: Side) => number) => [label, count(value('left')), count(value('right'))]
  const rejected = (side: Side) => files[side].rows.rejected
  const warned = (side: Side) => files[side].rows.warning
  const breaks = (reason: BreakReason) => (side: Side) =>
    report.breaksByReason.find((row) => row.side === side && row.reason === reason)?.count ?? 0
  const reasons = [...new Set(report.breaksByReason.map((row) => row.reason))]
  const rows = [
    ['', shortened(files.left.name), shortened(files.right.name)],
    both('records', (side) => files[side].rows.accepted + warned(side)),
    both('  matched', (side) => records[side].matched),
    both('  suggested', (side) => records[side].suggested),
    both('  breaks', (side) => records[side].open),
    ...reasons.map((reason) => both(`    ${REASONS[reason]}`, breaks(reason))),
    ...(warned('left') + warned('right') > 0 ? [both('rows with a warning', warned)] : []),
    ...(rejected('left') + rejected('right') > 0 ? [both('rows rejected', rejected)] : []),
  ]
  const money = byCurrency(report.controlTotals).map(({ currency, left, right }) => {
    const line = (label: string, part: 'total' | 'matched' | 'open') => [label, left[part], right[part], subtract(left[part], right[part])]
    const lines = [line('total', 'total'), line('  matched', 'matched'), line('  open', 'open')]
    return [[currency === 'XXX' ? 'no currency' : currency, 'left', 'right', 'difference'], ...withDecimals(lines, currency)]
  })
  const ending = [
    `${count(report.matched)} pairs matched, ${count(report.suggested)} suggested, in ${(report.elapsedMs / 1000).toFixed(1)} s`,
    ...notices.map((notice) => `note: ${notice.code} in pass ${notice.pass}, ${count(notice.count)} times`),
  ]
  const tables = [rows, ...money]
  // One width for the columns of all tables, so that they stand below each other.
  const widths = [0, 1, 2, 3].map((column) => Math.max(...tables.flat().map((cells) => cells[column]?.length ?? 0)))
  return [...tables.map((table) => table.map((cells) => aligned(cells, widths)).join('\n')), ending.join('\n')].join('\n\n')
}

const REASONS: Readonly<Record<BreakReason, string>> = {
  'no-candidate': 'no candidate',
  'amount-differs': 'amount differs',
  'date-outside': 'date outside',
  'currency-differs': 'currency differs',
  ambiguous: 'ambiguous',
  duplicate: 'duplicate',
  'subset-multiple': 'several sums fit',
  'budget-exhausted': 'search given up',
  oversize: 'too many candidates',
}

const MAX_NAME_CHARS = 20

interface CurrencyTotals {
  readonly currency: string
  readonly left: ControlTotal
  readonly right: ControlTotal
}

/** Both sides of each currency, zero where a side has none. */
function byCurrency(totals: readonly ControlTotal[]): CurrencyTotals[] {
  const currencies = [...new Set(totals.map((total) => total.currency))].sort()
  const of = (currency: string, side: Side) =>
    totals.find((total) => total.currency === currency && total.side === side) ?? {
      currency,
      side,
      total: '0',
      matched: '0',
      open: '0',
      excluded: '0',
    }
  return currencies.map((currency) => ({ currency, left: of(currency, 'left'), right: of(currency, 'right') }))
}

/** Exact amounts with thousands separated and equally many decimals: the currency's, or more where the file has more. */
function withDecimals(lines: readonly (readonly string[])[], currency: string): string[][] {
  const fraction = (amount: string) => amount.split('.')[1] ?? ''
  const decimals = Math.max(
    minorDigits(currency) ?? 0,
    ...lines.flatMap(([, ...amounts]) => amounts.map((amount) => fraction(amount).length)),
  )
  return lines.map(([label, ...amounts]) => [
    label!,
    ...amounts.map((amount) => {
      const whole = amount.split('.')[0]!.replace(/\B(?=(\d{3})+$)/g, ',')
      return decimals === 0 ? whole : `${whole}.${fraction(amount).padEnd(decimals, '0')}`
    }),
  ])
}

function aligned(cells: readonly string[], widths: readonly number[]): string {
  return cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!))).join('  ')
}

function shortened(name: string): string {
  return name.length <= MAX_NAME_CHARS ? name : `${name.slice(0, MAX_NAME_CHARS - 1)}…`
}
