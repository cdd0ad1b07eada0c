import { formatAmount, formatDate } from '../format.js'
import type { ParsedRow, Preview } from '../mapping.js'

const SHOWN = 8

/** The first rows as they would be stored, with what is wrong with them. */
export function PreviewTable({ preview }: { readonly preview: Preview }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with the keyboard
    <section class="table-scroll" aria-label="First rows" tabIndex={0}>
      <table class="table preview">
        <caption>First rows, as they will be stored</caption>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Date</th>
            <th scope="col">Id and reference</th>
            <th scope="col">Counterparty and memo</th>
            <th scope="col" class="num">
              Amount
            </th>
          </tr>
        </thead>
        <tbody>
          {preview.rows.slice(0, SHOWN).map((row) => (
            <PreviewRow key={row.rowNo} row={row} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function PreviewRow({ row }: { readonly row: ParsedRow }) {
  const { record } = row
  if (record === null) {
    return (
      <tr class="is-rejected">
        <td>{row.rowNo}</td>
        <td colSpan={4}>Rejected: {row.problems.map((problem) => problem.message).join('; ')}</td>
      </tr>
    )
  }
  return (
    <tr>
      <td class="muted">{row.rowNo}</td>
      <td class="nowrap">{record.valueDate === null ? <span class="absent">none</span> : formatDate(record.valueDate)}</td>
      <td>{[record.externalId, record.reference].filter((part) => part !== null).join(' · ')}</td>
      <td>
        {[record.counterparty, record.memo].filter((part) => part !== null).join(' · ')}
        {row.outcome === 'warning' && <span class="warning small">{row.problems.map((problem) => problem.message).join('; ')}</span>}
      </td>
      <td class="num">
        {record.amount === null ? <span class="absent">none</span> : formatAmount(record.amount, record.currency)}
        {record.currency !== null && <span class="muted small"> {record.currency}</span>}
      </td>
    </tr>
  )
}
