import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { MatchDetail } from '../api.js'
import type { Details } from '../details.js'
import { formatCount } from '../format.js'
import type { MatchList } from '../match-list.js'
import { NARROW, useMedia } from '../media.js'
import { othersClaim, type Room } from '../room.js'
import { useStore } from '../store.js'
import { scrollTo, windowOf } from '../virtual-window.js'
import { MatchLine, rowElementId } from './match-line.js'

/** Heights in rem, as in match.css. */
const ROW_REM = { wide: 3.75, narrow: 6 }
const HEAD_REM = 2
const FIRST_VIEW_MS = 250
/** A page key leaves a row of the page before. */
const PAGE_OVERLAP = 1

export interface MatchGridProps {
  readonly list: MatchList
  readonly details: Details<MatchDetail>
  readonly selected: string | null
  readonly marked: ReadonlySet<string>
  readonly mayDecide: boolean
  readonly userId: string
  readonly room: Room
  /** Undecided ones, also those that were not read yet; null: unknown. */
  readonly total: number | null
  readonly onSelect: (id: string) => void
  readonly onMark: (id: string) => void
  /** Enter, a double click, or a tap where the detail has no place beside the list. */
  readonly onOpen: (id: string) => void
}

/**
 * The list as rows. Only those in view exist; they lie in a layer that does not scroll with the browser's own thread, so that fast
 * scrolling shows rows that are late, never a blank.
 */
export function MatchGrid({ list, details, selected, marked, mayDecide, userId, room, total, onSelect, onMark, onOpen }: MatchGridProps) {
  useStore(list.changes)
  const claims = useStore(room.claims)
  const box = useRef<HTMLDivElement>(null)
  const table = useRef<HTMLTableElement>(null)
  const [scrollTop, setScrollTop] = useState(0)
  const [height, setHeight] = useState(600)
  const isNarrow = useMedia(NARROW)
  const rem = remPx()
  const rowHeight = (isNarrow ? ROW_REM.narrow : ROW_REM.wide) * rem
  const head = isNarrow ? 0 : HEAD_REM * rem
  const { entries } = list
  const count = entries.length
  const { first, end } = windowOf({ count, rowHeight, scrollTop, height })
  const place = selected === null ? -1 : list.placeOf(selected)

  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const measure = () => setHeight(element.clientHeight - head)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [head])

  useEffect(() => {
    // A new list begins at its beginning, with the keyboard in it, unless that is in use elsewhere: a link that led here is done.
    if (box.current === null) return
    box.current.scrollTop = 0
    const active = document.activeElement
    if (active === document.body || active?.closest('nav') != null) table.current?.focus({ preventScroll: true })
  }, [list])

  useLayoutEffect(() => {
    const element = box.current
    if (element === null || place < 0) return
    const wanted = scrollTo(place, { rowHeight, scrollTop: element.scrollTop, height: element.clientHeight - head })
    if (wanted !== element.scrollTop) element.scrollTop = wanted
  }, [place, rowHeight, head])

  useEffect(() => {
    // First what is in view, with the detail of the first row.
    const timer = setTimeout(() => list.need(end), scrollTop === 0 ? FIRST_VIEW_MS : 0)
    return () => clearTimeout(timer)
  }, [list, end, count])

  const move = (index: number) => {
    const entry = entries[Math.max(0, Math.min(count - 1, index))]
    if (entry !== undefined) onSelect(entry.row.id)
  }
  const handleKey = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(height / rowHeight) - PAGE_OVERLAP)
    const steps: Readonly<Record<string, number>> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count }
    const step = steps[event.key]
    if (event.altKey || event.ctrlKey || event.metaKey) return
    if (step !== undefined) move(place + step)
    else if (event.key === ' ' && selected !== null && mayDecide) onMark(selected)
    else return
    event.preventDefault()
  }
  const handleClick = (event: MouseEvent) => {
    if (!(event.target instanceof Element)) return
    const id = event.target.closest('[data-match]')?.getAttribute('data-match')
    if (id == null) return
    if (event.target.closest('.line__mark') !== null) onMark(id)
    else if (isNarrow || event.detail > 1) onOpen(id)
    else onSelect(id)
  }
  return (
    <div ref={box} class="grid" onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}>
      <div class="grid__space" style={{ height: `${head + (count + (list.isComplete ? 0 : 1)) * rowHeight}px` }}>
        <table
          ref={table}
          class="grid__view"
          style={{ height: `${head + height}px` }}
          // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: HTML allows it, and rows chosen by keys make it a grid
          role="grid"
          tabIndex={0}
          aria-label="Matches"
          aria-multiselectable={mayDecide}
          aria-rowcount={list.isComplete ? count + 1 : total === null ? -1 : Math.max(count, total + list.decided) + 1}
          aria-activedescendant={place >= first && place < end && selected !== null ? rowElementId(selected) : undefined}
          onKeyDown={handleKey}
          onClick={handleClick}
        >
          <thead>
            <tr class="line line--head" aria-rowindex={1}>
              <th scope="col" class="line__mark">
                <span class="hidden">Selected</span>
              </th>
              <th scope="col">Confidence</th>
              <th scope="col">Date</th>
              <th scope="col">
                <span class="tick tick--left">Left</span> over <span class="tick tick--right">right</span>
              </th>
              <th scope="col" class="num">
                Amount
              </th>
              <th scope="col" class="num">
                Difference
              </th>
              <th scope="col">State</th>
            </tr>
          </thead>
          <tbody style={{ transform: `translateY(${first * rowHeight - scrollTop}px)` }}>
            {entries.slice(first, end).map((entry, index) => (
              <MatchLine
                key={entry.row.id}
                entry={entry}
                details={details}
                rowIndex={first + index + 2}
                isSelected={entry.row.id === selected}
                isMarked={marked.has(entry.row.id)}
                mayDecide={mayDecide}
                userId={userId}
                claimedBy={othersClaim(claims, `match/${entry.row.id}`, userId)}
              />
            ))}
            {!list.isComplete && end === count && (
              <tr class="grid__more">
                <td>Reading on after {formatCount(count)} …</td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </div>
  )
}

function remPx(): number {
  return Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
}
