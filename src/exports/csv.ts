/** How a cell is written: text is neutralised where a spreadsheet would take it for a formula, a number is not. */
export type CellKind = 'text' | 'number'

/** What a spreadsheet may take for the beginning of a formula (OWASP, "CSV Injection"). */
const FORMULA_START = /^[=+\-@\t\r]/
/** Only what the database prints itself; anything else in a number's place is treated as text. */
const CANONICAL_NUMBER = /^-?\d+(\.\d+)?$/

/**
 * One line of RFC 4180 with its CRLF. Text that begins like a formula gets an apostrophe before it; a negative amount stays the number
 * it is, because in a cell of kind `number` only digits, one sign and one point can stand.
 */
export function csvLine(cells: readonly (string | null)[], kinds: readonly CellKind[]): string {
  return `${cells.map((cell, index) => csvCell(cell, kinds[index] ?? 'text')).join(',')}\r\n`
}

function csvCell(cell: string | null, kind: CellKind): string {
  if (cell === null) return ''
  if (kind === 'number' && CANONICAL_NUMBER.test(cell)) return cell
  const text = FORMULA_START.test(cell) ? `'${cell}` : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
