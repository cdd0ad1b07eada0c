import type { Ref } from 'preact'
import { useMemo } from 'preact/hooks'
import type { RecordView, UserRef } from '../../protocol/views.js'
import type { MatchDetail } from '../api.js'
import { isEqual, sign } from '../decimal.js'
import { type Details, useDetail } from '../details.js'
import { currencyCode, formatAmount, formatConfidence, formatDate, formatDifference } from '../format.js'
import { type Entry, isOpen, MANUAL_RULE, type MatchRow, type RowSide } from '../matches.js'
import { Marked } from './marked.js'
import { OnThis } from './on-this.js'
import { Stamp } from './stamp.js'

export interface MatchLineProps {
  readonly entry: Entry
  readonly details: Details<MatchDetail>
  /** From 1, with the heading. */
  readonly rowIndex: number
  readonly isSelected: boolean
  readonly isMarked: boolean
  readonly mayDecide: boolean
  readonly userId: string
  /** Who else is at work on it. */
  readonly claimedBy: UserRef | null
}

export function rowElementId(id: string): string {
  return `match-${id}`
}

/** A match as a row of the list: left over right, with what differs marked. */
export function MatchLine({ entry, details, rowIndex, isSelected, isMarked, mayDecide, userId, claimedBy }: MatchLineProps) {
  const { row } = entry
  const open = isOpen(entry)
  const cells = useMemo(() => <PairCells row={row} details={details} />, [row, details])
  return (
    <tr
      id={rowElementId(row.id)}
      class={`line${isSelected ? ' is-selected' : ''}${isMarked ? ' is-marked' : ''}${open ? '' : ' is-decided'}`}
      aria-rowindex={rowIndex}
      aria-selected={isMarked}
      aria-current={isSelected}
      data-match={row.id}
      data-status={row.status}
    >
      <td class="line__mark">
        {mayDecide && <input type="checkbox" tabIndex={-1} checked={isMarked} disabled={!open} aria-label="Select this match" />}
      </td>
      {cells}
      <td class="line__state">
        {entry.refusal !== null && <span class="stamp stamp--refused">{entry.refusal.brief}</span>}
        {entry.refusal === null &&
          (open && claimedBy !== null ? <OnThis user={claimedBy} /> : <Stamp entry={entry} userId={userId} isShort />)}
      </td>
    </tr>
  )
}

function PairCells({ row, details }: { readonly row: MatchRow; readonly details: Details<MatchDetail> }) {
  const { left, right, confidence, rule, currency, difference } = row
  const isSameAmount = left.amount !== null && right.amount !== null && isEqual(left.amount, right.amount)
  const sides = [
    { side: left, other: right, name: 'left' },
    { side: right, other: left, name: 'right' },
  ]
  return (
    <>
      <td class="line__sure">
        {rule === MANUAL_RULE ? (
          'by hand'
        ) : (
          <>
            <strong>{formatConfidence(confidence)}</strong>
            <meter class="for" min={0} max={1} value={Number(confidence)} aria-hidden="true" />
          </>
        )}
      </td>
      {left.date === null && right.date === null && rule !== MANUAL_RULE ? (
        <LateDates id={row.id} details={details} />
      ) : (
        <Dates cell={null} left={left.date} right={right.date} />
      )}
      {rule === MANUAL_RULE ? (
        <HandTexts row={row} details={details} />
      ) : (
        <td class="line__texts">
          {sides.map(({ side, other, name }) => (
            <span key={name} class={`tick tick--${name} clip`} title={side.text}>
              <Marked text={side.text} others={[other.text]} />
            </span>
          ))}
        </td>
      )}
      <td class="line__amounts num">
        {sides.map(({ side, name }) => (
          <Amount key={name} side={side} currency={currency} isSame={isSameAmount} />
        ))}
      </td>
      <td class={`line__difference num${difference !== null && sign(difference) === 0 ? ' is-even' : ''}`}>
        {difference !== null && formatDifference(difference, currency)}
      </td>
    </>
  )
}

/** The engine did not compare them: they come with the rows. */
function LateDates({ id, details }: { readonly id: string; readonly details: Details<MatchDetail> }) {
  const { ref, value } = useDetail<MatchDetail, HTMLTableCellElement>(details, id)
  const dateOf = (records: readonly RecordView[] = []) => (records.length === 1 ? (records[0]?.valueDate ?? null) : null)
  return <Dates cell={ref} left={dateOf(value?.leftRecords)} right={dateOf(value?.rightRecords)} />
}

function Dates(props: { readonly cell: Ref<HTMLTableCellElement>; readonly left: string | null; readonly right: string | null }) {
  const { cell, left, right } = props
  return (
    <td ref={cell} class="line__dates">
      {[left, right].map((date, index) => (
        // Left over right: they have no identity but their place.
        <span key={index}>{date !== null && (left === right ? formatDate(date) : <mark>{formatDate(date)}</mark>)}</span>
      ))}
    </td>
  )
}

/** Rows that a person put together, by their names. */
function HandTexts({ row, details }: { readonly row: MatchRow; readonly details: Details<MatchDetail> }) {
  const { ref, value } = useDetail<MatchDetail, HTMLTableCellElement>(details, row.id)
  const namesOf = (records: readonly RecordView[]) =>
    records.map((record) => record.reference ?? record.externalId ?? `Row ${record.rowNo}`)
  const sides = [
    { name: 'left', text: value == null ? row.left.text : namesOf(value.leftRecords).join(' + ') },
    { name: 'right', text: value == null ? row.right.text : namesOf(value.rightRecords).join(' + ') },
  ]
  return (
    <td ref={ref} class="line__texts">
      {sides.map(({ name, text }) => (
        <span key={name} class={`tick tick--${name} clip`} title={text}>
          {text}
        </span>
      ))}
    </td>
  )
}

function Amount(props: { readonly side: RowSide; readonly currency: string | null; readonly isSame: boolean }) {
  const { side, currency, isSame } = props
  if (side.amount === null) return <span />
  const text = formatAmount(side.amount, currency)
  return (
    <span>
      {isSame ? text : <mark>{text}</mark>}
      <span class="code"> {currencyCode(currency)}</span>
    </span>
  )
}
