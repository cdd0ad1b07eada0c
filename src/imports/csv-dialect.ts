import { filledWidth } from './columns.js'
import { splitHead } from './csv-splitter.js'
import { isKnownHeader } from './header-words.js'

export const SEPARATORS = [',', ';', '\t', '|'] as const

/** The header is looked for in this many rows; above it may stand the bank's name, the account, the period. */
export const MAX_PREAMBLE_ROWS = 50

const SNIFFED_BYTES = 65_536
const SNIFFED_ROWS = 100
const MAX_HEADER_CELL_CHARS = 200

/**
 * The separator that cuts most rows into the same number of cells; of equals the one that makes more. A first line `sep=;` (Excel)
 * decides alone. A file of one column gets the comma.
 */
export async function findSeparator(head: Buffer, isWhole: boolean): Promise<string> {
  const stated = /^sep=(.)\r?[\n\r]/.exec(head.subarray(0, 8).toString())?.[1]
  if (stated !== undefined) return stated
  let best = { separator: ',', score: 0 }
  for (const separator of SEPARATORS) {
    const rows = await sniff(head, separator, isWhole)
    const { width, share } = usualWidth(rows)
    const score = width < 2 ? 0 : share * (1 - 1 / width)
    if (score > best.score) best = { separator, score }
  }
  return best.separator
}

/** The index of the header among the rows (blank ones counted), or null when the data begins at once. */
export function findHeader(rows: readonly (readonly string[])[]): number | null {
  const { width } = usualWidth(rows)
  const candidates: { readonly at: number; readonly known: number }[] = []
  let firstData: number | null = null
  for (const [at, cells] of rows.slice(0, MAX_PREAMBLE_ROWS).entries()) {
    const filled = cells.filter((cell) => cell.trim() !== '')
    if (filled.length < Math.max(Math.min(width, 2), width / 2)) continue
    const hasData = filled.some(looksLikeData)
    if (hasData) firstData ??= at
    else if (filled.every((cell) => cell.length <= MAX_HEADER_CELL_CHARS))
      candidates.push({ at, known: cells.filter(isKnownHeader).length })
  }
  const isBefore = (at: number) => firstData === null || at < firstData
  // Words of a header outdo everything; without them the row just above the data is it, or the very first when all is text.
  const byWords = candidates.filter(({ at, known }) => known >= (isBefore(at) ? 1 : 2))
  if (byWords.length > 0) return byWords.reduce((best, next) => (next.known > best.known ? next : best)).at
  const above = candidates.filter(({ at }) => isBefore(at))
  return (firstData === null ? above[0] : above.at(-1))?.at ?? null
}

/** How many cells most rows have, and the share of rows that do; blank rows do not count. */
export function usualWidth(rows: readonly (readonly string[])[]): { readonly width: number; readonly share: number } {
  const counts = new Map<number, number>()
  let total = 0
  for (const cells of rows) {
    if (filledWidth(cells) === 0) continue
    total++
    counts.set(cells.length, (counts.get(cells.length) ?? 0) + 1)
  }
  let width = 0
  for (const [candidate, count] of counts) {
    const most = counts.get(width) ?? 0
    if (count > most || (count === most && candidate > width)) width = candidate
  }
  return { width, share: total === 0 ? 0 : (counts.get(width) ?? 0) / total }
}

async function sniff(head: Buffer, separator: string, isWhole: boolean): Promise<string[][]> {
  const bytes = head.subarray(0, SNIFFED_BYTES)
  try {
    return await splitHead(bytes, { separator, isWhole: isWhole && bytes.length === head.length, maxRows: SNIFFED_ROWS })
  } catch {
    // With the wrong separator a quote may never close; the right one is asked again and says so.
    return []
  }
}

/** A number, an amount or a date: nothing that a column is called. */
function looksLikeData(cell: string): boolean {
  return /^\W*\d[\d\s.,:/'()+\-TZ€£$¥\u00a0\u2212]*(DR|CR)?$/.test(cell.trim())
}
