import type { RecordView } from '../../protocol/views.js'
import { isEqual, subtract } from '../decimal.js'
import { currencyCode, formatAmount, formatDate, formatDifference } from '../format.js'
import { Marked } from './marked.js'

/** Both sides of a match under each other, column by column, with what differs marked. */
export function Pair({ left, right }: { readonly left: readonly RecordView[]; readonly right: readonly RecordView[] }) {
  const [firstLeft, firstRight] = [left[0], right[0]]
  return (
    <div class="pair">
      {left.map((record) => (
        <PairRow key={record.id} record={record} others={right} />
      ))}
      {right.map((record) => (
        <PairRow key={record.id} record={record} others={left} />
      ))}
      {firstLeft !== undefined && firstRight !== undefined && <PairDifference left={firstLeft} right={firstRight} />}
    </div>
  )
}

function PairRow({ record, others }: { readonly record: RecordView; readonly others: readonly RecordView[] }) {
  const isSameDate = others.some(({ valueDate }) => valueDate === record.valueDate)
  const isSameAmount = others.some(
    ({ amount, currency }) => amount !== null && record.amount !== null && isEqual(amount, record.amount) && currency === record.currency,
  )
  const otherTexts = others.flatMap(textsOf)
  const details = [record.counterparty, record.memo].filter(isText).join(' · ')
  const date = record.valueDate === null ? null : formatDate(record.valueDate)
  const amount = record.amount === null ? null : formatAmount(record.amount, record.currency)
  return (
    <div class="pair__row">
      <span class={`side side--${record.side}`}>{record.side}</span>
      <span class="pair__date">{date === null ? <span class="absent">no date</span> : isSameDate ? date : <mark>{date}</mark>}</span>
      <span class="pair__text">
        <span class="pair__title">
          {/* Ids of two systems have nothing to do with each other: only references are compared. */}
          {isText(record.reference) ? <Marked text={record.reference} others={otherTexts} /> : (record.externalId ?? `Row ${record.rowNo}`)}
        </span>
        {details !== '' && (
          <span class="pair__details">
            <Marked text={details} others={otherTexts} />
          </span>
        )}
      </span>
      <span class="pair__amount">
        {amount === null ? <span class="absent">no amount</span> : isSameAmount ? amount : <mark>{amount}</mark>}
        {amount !== null && <span class="code"> {currencyCode(record.currency)}</span>}
      </span>
    </div>
  )
}

function PairDifference({ left, right }: { readonly left: RecordView; readonly right: RecordView }) {
  const days = left.valueDate === null || right.valueDate === null ? 0 : daysBetween(left.valueDate, right.valueDate)
  const difference =
    left.amount === null || right.amount === null || isEqual(left.amount, right.amount) ? null : subtract(left.amount, right.amount)
  if (days === 0 && difference === null) return null
  return (
    <div class="pair__row pair__row--difference">
      <span class="pair__date">{days !== 0 && `${days > 0 ? '+' : '−'}${Math.abs(days)} ${Math.abs(days) === 1 ? 'day' : 'days'}`}</span>
      <span class="pair__amount">
        {difference !== null && formatDifference(difference, left.currency)}
        {difference !== null && <span class="code"> {currencyCode(left.currency)}</span>}
      </span>
    </div>
  )
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
