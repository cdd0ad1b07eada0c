/** Where two texts differ: what both begin and end with, and what lies between. */
export interface TextDifference {
  readonly start: string
  readonly middle: string
  readonly end: string
}

/** The part of `text` that `other` does not share, found from both ends; nothing is marked when they are equal but for case. */
export function differenceOf(text: string, other: string): TextDifference {
  const a = [...text]
  const b = [...other]
  const isEqual = (left: string | undefined, right: string | undefined) => left?.toLowerCase() === right?.toLowerCase()
  const shortest = Math.min(a.length, b.length)
  let start = 0
  while (start < shortest && isEqual(a[start], b[start])) start++
  let end = 0
  while (end < shortest - start && isEqual(a[a.length - 1 - end], b[b.length - 1 - end])) end++
  return {
    start: a.slice(0, start).join(''),
    middle: a.slice(start, a.length - end).join(''),
    end: a.slice(a.length - end).join(''),
  }
}

/** A text with what the other side does not have marked; a sign stands beside the colour for those who cannot see it. */
export function Marked({ text, other }: { readonly text: string | null; readonly other: string | null }) {
  if (text === null || text === '') return <span class="absent">none</span>
  if (other === null || other === '') return <mark>{text}</mark>
  const { start, middle, end } = differenceOf(text, other)
  if (middle === '') return <>{text}</>
  return (
    <>
      {start}
      <mark>{middle}</mark>
      {end}
    </>
  )
}
