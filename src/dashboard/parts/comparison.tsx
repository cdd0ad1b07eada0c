import type { ComponentChildren } from 'preact'
import type { RecordView, Side } from '../../protocol/views.js'
import { sign } from '../decimal.js'
import { currencyCode, formatAmount, formatCount, formatDate, formatDifference } from '../format.js'
import { differenceOf, residualsOf } from '../tray.js'
import { Marked } from './marked.js'

/** Both sides of a match, field by field, with what differs marked. */
export function Comparison({ left, right }: { readonly left: readonly RecordView[]; readonly right: readonly RecordView[] }) {
  const [one, other] = [left[0], right[0]]
  if (left.length === 1 && right.length === 1 && one !== undefined && other !== undefined) return <Fields left={one} right={other} />
  return (
    <div class="groups">
      <Group side="left" records={left} />
      <Group side="right" records={right} />
    </div>
  )
}

function Fields({ left, right }: { readonly left: RecordView; readonly right: RecordView }) {
  const texts = { left: textsOf(left), right: textsOf(right) }
  const text = (record: RecordView, value: string | null) =>
    isText(value) ? <Marked text={value} others={record.side === 'left' ? texts.right : texts.left} /> : <Absent />
  const days = left.valueDate === null || right.valueDate === null ? 0 : daysBetween(left.valueDate, right.valueDate)
  const difference = differenceOf(left, right)
  const isSameAmount = difference !== null && sign(difference) === 0
  const hasAny = (field: 'reference' | 'counterparty' | 'memo' | 'externalId') => isText(left[field]) || isText(right[field])
  return (
    <table class="compare">
      <thead>
        <tr>
          <td />
          {[left, right].map((record) => (
            <th key={record.side} scope="col">
              <span class={`side side--${record.side}`}>{record.side}</span>{' '}
              <span class="muted small">row {formatCount(record.rowNo)}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        <Field name="Amount" note={difference === null || isSameAmount ? null : formatDifference(difference, left.currency)}>
          {[left, right].map((record) => (
            <td key={record.side} class="compare__amount">
              <Money record={record} isSame={isSameAmount} />
            </td>
          ))}
        </Field>
        <Field name="Date" note={days === 0 ? null : `${days > 0 ? '+' : '−'}${Math.abs(days)} ${Math.abs(days) === 1 ? 'day' : 'days'}`}>
          {[left, right].map(({ side, valueDate }) => (
            <td key={side}>
              {valueDate === null ? <Absent /> : days === 0 ? formatDate(valueDate) : <mark>{formatDate(valueDate)}</mark>}
            </td>
          ))}
        </Field>
        {(['reference', 'counterparty', 'memo'] as const).filter(hasAny).map((field) => (
          <Field key={field} name={`${field.charAt(0).toUpperCase()}${field.slice(1)}`} note={null}>
            {[left, right].map((record) => (
              <td key={record.side}>{text(record, record[field])}</td>
            ))}
          </Field>
        ))}
        {/* Ids of two systems have nothing to do with each other: they are not compared. */}
        {hasAny('externalId') && (
          <Field name="Id" note={null}>
            {[left, right].map(({ side, externalId }) => (
              <td key={side}>{externalId ?? <Absent />}</td>
            ))}
          </Field>
        )}
      </tbody>
    </table>
  )
}

function Field({ name, note, children }: { readonly name: string; readonly note: string | null; readonly children: ComponentChildren }) {
  return (
    <tr>
      <th scope="row">
        {name}
        {note !== null && <span class="compare__note">{note}</span>}
      </th>
      {children}
    </tr>
  )
}

function Group({ side, records }: { readonly side: Side; readonly records: readonly RecordView[] }) {
  const sums = residualsOf({ left: records, right: [] })
  const hasAmounts = records.some(({ amount }) => amount !== null)
  return (
    <section>
      <h2>
        <span class={`side side--${side}`}>{side}</span> {formatCount(records.length)} {records.length === 1 ? 'row' : 'rows'}
        {hasAmounts && (
          <span class="groups__sum">
            {sums.map((sum) => (
              <strong key={sum.currency} class="num">
                {formatAmount(sum.left, sum.currency)}
                <span class="code"> {currencyCode(sum.currency)}</span>
              </strong>
            ))}
          </span>
        )}
      </h2>
      <ul>
        {records.map((record) => (
          <li key={record.id}>
            <span class="groups__date">{record.valueDate === null ? <Absent /> : formatDate(record.valueDate)}</span>
            <span class="groups__text">
              {record.reference ?? record.externalId ?? `Row ${record.rowNo}`}
              <span class="muted small">{[record.counterparty, record.memo].filter(isText).join(' · ')}</span>
            </span>
            <span class="num">
              <Money record={record} isSame />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Money({ record, isSame }: { readonly record: RecordView; readonly isSame: boolean }) {
  if (record.amount === null) return <Absent />
  const text = formatAmount(record.amount, record.currency)
  return (
    <>
      {isSame ? text : <mark>{text}</mark>}
      <span class="code"> {currencyCode(record.currency)}</span>
    </>
  )
}

function Absent() {
  return <span class="absent">none</span>
}

function textsOf({ reference, counterparty, memo }: RecordView): readonly string[] {
  return [reference, counterparty, memo].filter(isText)
}

function isText(text: string | null): text is string {
  return text !== null && text !== ''
}

function daysBetween(left: string, right: string): number {
  return Math.round((Date.parse(right) - Date.parse(left)) / 86_400_000)
}
