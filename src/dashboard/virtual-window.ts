/** Rows of a long list that are drawn. */
export interface VirtualWindow {
  readonly first: number
  /** One behind the last. */
  readonly end: number
}

/** Drawn beyond both edges, so that a row which comes into view is there already. */
const MARGIN_ROWS = 4

/** The rows to draw; lengths in CSS pixels, all rows of one height. */
export function windowOf(list: {
  readonly count: number
  readonly rowHeight: number
  readonly scrollTop: number
  readonly height: number
}): VirtualWindow {
  const { count, rowHeight, scrollTop, height } = list
  const first = Math.min(Math.max(0, Math.floor(scrollTop / rowHeight) - MARGIN_ROWS), Math.max(0, count - 1))
  const end = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + MARGIN_ROWS)
  return { first, end: Math.max(first, end) }
}

/** The scroll position at which row `index` is wholly visible, as near as can be to the present one. */
export function scrollTo(index: number, list: { readonly rowHeight: number; readonly scrollTop: number; readonly height: number }): number {
  const { rowHeight, scrollTop, height } = list
  const top = index * rowHeight
  if (top < scrollTop) return top
  return top + rowHeight > scrollTop + height ? top + rowHeight - height : scrollTop
}
