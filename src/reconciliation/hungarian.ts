/**
 * Assignment of rows to columns with the largest sum; a row may stay without a column. Hungarian algorithm with potentials and shortest
 * augmenting paths (Kuhn 1955, Munkres 1957; Jonker and Volgenant 1987), O(rows² · columns).
 * @param gains rows × columns, row by row; whole numbers of 0 or more, 0: not allowed. Sums of a row's and a column's largest must be safe integers.
 * @returns per row its column, or −1.
 */
export function assignRows(gains: Float64Array, rows: number, columns: number): Int32Array {
  // A column of its own for each row stands for staying alone; costs are 0 there, −gain elsewhere.
  const width = columns + rows
  const cost = (row: number, column: number) => (column < columns ? -gains[row * columns + column]! : 0)
  const rowPotential = new Float64Array(rows + 1)
  const columnPotential = new Float64Array(width + 1)
  const rowOf = new Int32Array(width + 1)
  const way = new Int32Array(width + 1)
  const slack = new Float64Array(width + 1)
  const isUsed = new Uint8Array(width + 1)
  for (let row = 1; row <= rows; row++) {
    rowOf[0] = row
    slack.fill(Number.POSITIVE_INFINITY)
    isUsed.fill(0)
    let column = 0
    do {
      isUsed[column] = 1
      const current = rowOf[column]!
      let delta = Number.POSITIVE_INFINITY
      let next = 0
      for (let other = 1; other <= width; other++) {
        if (isUsed[other] === 1) continue
        const reduced = cost(current - 1, other - 1) - rowPotential[current]! - columnPotential[other]!
        if (reduced < slack[other]!) {
          slack[other] = reduced
          way[other] = column
        }
        if (slack[other]! < delta) {
          delta = slack[other]!
          next = other
        }
      }
      for (let other = 0; other <= width; other++) {
        if (isUsed[other] === 1) {
          rowPotential[rowOf[other]!]! += delta
          columnPotential[other]! -= delta
        } else slack[other]! -= delta
      }
      column = next
    } while (rowOf[column] !== 0)
    do {
      const previous = way[column]!
      rowOf[column] = rowOf[previous]!
      column = previous
    } while (column !== 0)
  }
  const result = new Int32Array(rows).fill(-1)
  for (let column = 1; column <= columns; column++) {
    const row = rowOf[column]! - 1
    // Allowed pairs gain more than nothing.
    if (row >= 0 && gains[row * columns + column - 1]! > 0) result[row] = column - 1
  }
  return result
}
