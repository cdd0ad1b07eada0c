import { currencyCode, formatAmount, formatDate } from '../format.js'
import type { ParsedRow, Preview } from '../mapping.js'

const SHOWN = 6

/** The first rows as they would be stored, with what is wrong with them. */
export function PreviewTable({ preview, isReading }: { readonly preview: Preview; readonly isReading: boolean }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class="table-scroll" aria-label="First rows" aria-busy={isReading} tabIndex={0}>
      <table class="table preview">
        <caption>First rows, as they will be stored</caption>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Date</th>
            <th scope="col" class="preview__texts">
              <span class="clip">Id · reference</span>
              <span class="clip muted">Counterparty · memo</span>
            </th>
            <th scope="col" class="num">
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {shownOf(preview.rows).map((row) => (
            <PreviewRow key={row.rowNo} row={row} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function PreviewRow({ row }: { readonly row: ParsedRow }) {
  const { record } = row
  const problems = row.problems.map((problem) => problem.message).join('; ')
  if (record === null) {
    return (
      <tr class="is-rejected">
        <td>{row.rowNo}</td>
        <td colSpan={3} title={problems}>
          Rejected: {problems}
        </td>
      </tr>
    )
  }
  const id = joined(record.externalId, record.reference)
  const text = joined(record.counterparty, record.memo)
  return (
    <>
      <tr class={row.outcome === 'warning' ? 'is-warning' : undefined}>
        <td class="muted">{row.rowNo}</td>
        <td>{record.valueDate === null ? <span class="absent">none</span> : formatDate(record.valueDate)}</td>
        <td class="preview__texts">
          <span class="clip" title={id}>
            {id}
          </span>
          <span class="clip muted" title={text}>
            {text}
          </span>
        </td>
        <td class="num">
          {record.amount === null ? <span class="absent">none</span> : formatAmount(record.amount, record.currency)}
          <span class="code"> {currencyCode(record.currency)}</span>
        </td>
      </tr>
      {row.outcome === 'warning' && (
        <tr class="preview__problem">
          <td />
          <td colSpan={3}>{problems}</td>
        </tr>
      )}
    </>
  )
}

/** A few rows: those with a problem before others, all in their order. */
function shownOf(rows: readonly ParsedRow[]): readonly ParsedRow[] {
  const isFine = ({ outcome }: ParsedRow) => outcome === 'accepted'
  return [...rows.filter((row) => !isFine(row)), ...rows.filter(isFine)].slice(0, SHOWN).sort((one, other) => one.rowNo - other.rowNo)
}

function joined(...parts: readonly (string | null)[]): string {
  return parts.filter((part) => part !== null && part !== '').join(' · ')
}
