/** The columns of a file. */
export interface Columns {
  /** Unique; without a header the positions `0`, `1`, …. */
  readonly names: readonly string[]
  readonly hasHeader: boolean
}

/** A cell longer than this is what a spreadsheet would not take either; its row is rejected. */
export const MAX_CELL_CHARS = 32_767
/** More columns than a statement can have: a wrong separator, or an attack. */
export const MAX_COLUMNS = 1_000

/** Columns by a header row. A blank name becomes `column 3` (counted from 1), the second `Amount` becomes `Amount (2)`; trailing blanks are no columns. */
export function columnsOfHeader(cells: readonly string[]): Columns {
  const names: string[] = []
  const taken = new Set<string>()
  for (const [index, cell] of cells.slice(0, filledWidth(cells)).entries()) {
    const name = cell.trim().replace(/\s+/g, ' ') || `column ${index + 1}`
    let unique = name
    for (let no = 2; taken.has(unique); no++) unique = `${name} (${no})`
    taken.add(unique)
    names.push(unique)
  }
  return { names, hasHeader: true }
}

export function columnsByPosition(width: number): Columns {
  return { names: Array.from({ length: width }, (_, index) => String(index)), hasHeader: false }
}

/** Cells up to the last one that is not blank. */
export function filledWidth(cells: readonly string[]): number {
  return cells.findLastIndex((cell) => cell.trim() !== '') + 1
}

/** The index of the column that a mapping names, or null when there is none. A number is a position, from 0. */
export function columnIndex(columns: Columns, column: string | number): number | null {
  if (typeof column === 'number') return column < columns.names.length ? column : null
  const at = columns.names.indexOf(column.trim())
  return at < 0 ? null : at
}

/** How a mapping names the column: by header, else by position. */
export function columnName(columns: Columns, index: number): string | number {
  return columns.hasHeader ? columns.names[index]! : index
}

/**
 * The row as it stands in the file. Without a prototype, so that a column called `__proto__` is a column. Cells beyond the header are
 * named by their position from 1; what is beyond the limits is cut.
 */
export function payloadOf(columns: Columns, cells: readonly string[]): Readonly<Record<string, string>> {
  // Object.create is typed any; the object has nothing but what is put in here.
  const payload = Object.create(null) as Record<string, string>
  const width = Math.min(Math.max(filledWidth(cells), Math.min(cells.length, columns.names.length)), MAX_COLUMNS)
  for (let index = 0; index < width; index++) {
    payload[columns.names[index] ?? `column ${index + 1}`] = cut(cells[index]!)
  }
  return payload
}

/** Not in the middle of a character: half of one cannot be stored. */
function cut(cell: string): string {
  if (cell.length <= MAX_CELL_CHARS) return cell
  return cell.slice(0, MAX_CELL_CHARS).replace(/[\ud800-\udbff]$/, '')
}
