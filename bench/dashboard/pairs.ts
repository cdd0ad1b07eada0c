const DAY_MS = 86_400_000
const FIRST_DAY = Date.UTC(2026, 0, 1)
const DAYS = 180

/** Two files of so many rows, each row of the left with one of the right of its amount, a day later and in other words. */
export function pairs(count: number): { readonly left: string; readonly right: string } {
  const left = ['id,date,amount,memo']
  const right = ['document,posted,amount,text']
  for (let index = 0; index < count; index++) {
    const day = FIRST_DAY + (index % DAYS) * DAY_MS
    const cents = String(1_000 + index).padStart(3, '0')
    const amount = `${cents.slice(0, -2)}.${cents.slice(-2)}`
    left.push(`B${index},${dayOf(day)},${amount},Payment of customer ${index % 997}`)
    right.push(`L${index},${dayOf(day + DAY_MS)},${amount},Receipt ${index} customer ${index % 997}`)
  }
  return { left: `${left.join('\n')}\n`, right: `${right.join('\n')}\n` }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
