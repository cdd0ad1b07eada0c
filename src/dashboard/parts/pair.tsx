import type { RecordView } from '../../protocol/views.js'
import { subtract } from '../decimal.js'
import { formatAmount, formatDate, formatDifference } from '../format.js'
import { Marked } from './difference.js'

/** Both sides of a match under each other, column by column, with what differs marked. */
export function Pair({ left, right }: { readonly left: readonly RecordView[]; readonly right: readonly RecordView[] }) {
  const [firstLeft, firstRight] = [left[0], right[0]]
  return (
    <div class="pair">
      {left.map((record) => (
        <PairRow key={record.id} record={record} other={firstRight} />
      ))}
      {right.map((record) => (
        <PairRow key={record.id} record={record} other={firstLeft} />
      ))}
      {firstLeft !== undefined && firstRight !== undefined && <PairDifference left={firstLeft} right={firstRight} />}
    </div>
  )
}

function PairRow({ record, other }: { readonly record: RecordView; readonly other: RecordView | undefined }) {
  const isSameDate = other === undefined || record.valueDate === other.valueDate
  const isSameAmount = other === undefined || (record.amount === other.amount && record.currency === other.currency)
  const text = textOf(record)
  return (
    <div class="pair__row">
      <span class={`side side--${record.side}`}>{record.side}</span>
      <span class="pair__date">
        {record.valueDate === null ? (
          <span class="absent">no date</span>
        ) : isSameDate ? (
          formatDate(record.valueDate)
        ) : (
          <mark>{formatDate(record.valueDate)}</mark>
        )}
      </span>
      <span class="pair__text">
        <span class="pair__reference">
          <Marked text={record.reference ?? record.externalId} other={other === undefined ? null : (other.reference ?? other.externalId)} />
        </span>
        {text !== null && (
          <span class="pair__party">
            <Marked text={text} other={other === undefined ? null : textOf(other)} />
          </span>
        )}
      </span>
      <span class="pair__amount">
        {record.amount === null ? (
          <span class="absent">no amount</span>
        ) : isSameAmount ? (
          formatAmount(record.amount, record.currency)
        ) : (
          <mark>{formatAmount(record.amount, record.currency)}</mark>
        )}
      </span>
    </div>
  )
}

function PairDifference({ left, right }: { readonly left: RecordView; readonly right: RecordView }) {
  const days = left.valueDate === null || right.valueDate === null ? 0 : daysBetween(left.valueDate, right.valueDate)
  const amount = left.amount === null || right.amount === null || left.amount === right.amount ? null : subtract(left.amount, right.amount)
  if (days === 0 && amount === null) return null
  return (
    <div class="pair__row pair__row--difference">
      <span />
      <span class="pair__date">
        {days === 0 ? '' : `${days > 0 ? '+' : '−'}${Math.abs(days)} ${Math.abs(days) === 1 ? 'day' : 'days'}`}
      </span>
      <span />
      <span class="pair__amount">{amount === null ? '' : formatDifference(amount, left.currency)}</span>
    </div>
  )
}

function textOf(record: RecordView): string | null {
  return record.counterparty === null ? record.memo : record.memo === null ? record.counterparty : `${record.counterparty} · ${record.memo}`
}

function daysBetween(left: string, right: string): number {
  return Math.round((Date.parse(right) - Date.parse(left)) / 86_400_000)
}
