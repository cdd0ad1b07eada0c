import { subtract } from '../money.js'
import type { BreakReason, ControlTotal, JobView, Side } from '../protocol/views.js'
import { count } from './progress-bar.js'

/** What a reconciliation came to; `--json` prints it as it is. */
export interface ReconcileReport {
  readonly files: Readonly<
    Record<
      Side,
      { readonly name: string; readonly rows: { readonly accepted: number; readonly warning: number; readonly rejected: number } }
    >
  >
  /** Pairs. */
  readonly matched: number
  readonly suggested: number
  /** Records. */
  readonly breaks: number
  readonly breaksByReason: readonly { readonly side: Side; readonly reason: BreakReason; readonly count: number }[]
  readonly controlTotals: readonly ControlTotal[]
  /** Left total − right total, per currency. */
  readonly differences: readonly { readonly currency: string; readonly difference: string }[]
  readonly notices: JobView['notices']
  readonly resultHash: string | null
  readonly elapsedMs: number
}

/** Left total − right total per currency; a side without the currency counts as zero. */
export function differencesOf(totals: readonly ControlTotal[]): ReconcileReport['differences'] {
  const currencies = [...new Set(totals.map((total) => total.currency))].sort()
  const of = (currency: string, side: Side) => totals.find((total) => total.currency === currency && total.side === side)?.total ?? '0'
  return currencies.map((currency) => ({ currency, difference: subtract(of(currency, 'left'), of(currency, 'right')) }))
}

/** The report as a table for people. */
export function formatReport(report: ReconcileReport): string {
  const lines: string[] = []
  for (const side of ['left', 'right'] as const) {
    const { name, rows } = report.files[side]
    lines.push(
      `${side.padEnd(5)}  ${name}: ${count(rows.accepted + rows.warning)} rows (${count(rows.warning)} with a warning), ${count(rows.rejected)} rejected`,
    )
  }
  lines.push(
    '',
    ...columns(
      [
        ['matched', count(report.matched)],
        ['suggested', count(report.suggested)],
        ['breaks', count(report.breaks)],
        ...report.breaksByReason.map(({ side, reason, count: n }) => [`  ${side}, ${reason}`, count(n)]),
      ],
      ['left', 'right'],
    ),
  )
  lines.push(
    '',
    ...columns(
      [
        ['', 'total', 'matched', 'open'],
        ...report.controlTotals.map((total) => [`${total.currency} ${total.side}`, total.total, total.matched, total.open]),
        ...report.differences.map(({ currency, difference }) => [`${currency} left − right`, difference]),
      ],
      ['left', 'right', 'right', 'right'],
    ),
  )
  for (const notice of report.notices) lines.push('', `note: ${notice.code} in pass ${notice.pass}, ${count(notice.count)} times`)
  return lines.join('\n')
}

function columns(rows: readonly (readonly string[])[], sides: readonly Side[]): string[] {
  const widths = sides.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, column) => (sides[column] === 'right' ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('   ')
      .trimEnd(),
  )
}
