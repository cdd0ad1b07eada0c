/** What is promised beside what was measured. */
export interface Figure {
  readonly what: string
  readonly measured: string
  readonly target: string
  /** Null: there is no promise. */
  readonly isMet: boolean | null
}

export interface Scenario {
  readonly title: string
  /** How it was measured, in sentences. */
  readonly setting: string
  readonly figures: readonly Figure[]
}

const whole = (value: number) => Math.round(value).toLocaleString('en')

/** Something that must not happen at all. */
export function never(what: string, count: number): Figure {
  return { what, measured: whole(count), target: '0', isMet: count === 0 }
}

export function atMost(what: string, value: number, limit: number, unit: string): Figure {
  const format = (one: number) => (Number.isFinite(one) ? `${one < 100 ? Number(one.toFixed(1)) : whole(one)} ${unit}` : 'never')
  return { what, measured: format(value), target: `≤ ${format(limit)}`, isMet: value <= limit }
}

export function known(what: string, measured: number | string, unit = ''): Figure {
  const text = Number.isFinite(measured) ? whole(Number(measured)) : measured === Number.POSITIVE_INFINITY ? 'never' : measured
  return { what, measured: `${text} ${unit}`.trim(), target: '', isMet: null }
}
