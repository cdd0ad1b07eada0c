/** What was promised, in the order in which it was. */
export const FIGURES = [
  'acquiring a pooled connection',
  'indexed queries',
  'batch writes',
  'hit ratio',
  'API responses',
  'cached reads',
  'compression',
  'concurrent users',
  'requests a second',
  'job throughput',
  'large files',
  'memory',
  'CPU',
  'network',
  'database load',
  'initial bundle',
  'repeat load',
] as const

/** How a figure was promised: to fall by a share, to rise so many times, or to be a share. */
export interface Promised {
  readonly kind: 'less' | 'times' | 'share'
  /** What is asked; more than `most` is no fault. Shares of 1. */
  readonly least: number
  readonly most: number | null
}

/** A figure that was promised, measured without and with what it was promised of. */
export interface Expectation {
  readonly figure: (typeof FIGURES)[number]
  readonly promised: Promised
  readonly unit: string
  readonly off: Side
  readonly on: Side
  /** What the reader has to know besides. */
  readonly note?: string
}

export interface Side {
  /** What it is, in one phrase. */
  readonly what: string
  /** Median over the runs; a share of 1 where the unit is `%`. */
  readonly value: number
}

/** Figures of one run by their names. */
export type Reading = Readonly<Record<string, number>>

export const RUNS = 5

/**
 * Runs both in turn, the one first and then the other one, so that what disturbs the machine disturbs both; the medians. One round before
 * the first warms up.
 */
export async function inTurn<Of extends Reading>(
  measure: Readonly<Record<'off' | 'on', () => Promise<Of>>>,
): Promise<{ readonly off: Of; readonly on: Of }> {
  const runs = { off: [] as Of[], on: [] as Of[] }
  for (let round = 0; round <= RUNS; round++) {
    for (const which of round % 2 === 0 ? (['off', 'on'] as const) : (['on', 'off'] as const)) {
      const reading = await measure[which]()
      if (round > 0) runs[which].push(reading)
    }
  }
  return { off: medians(runs.off), on: medians(runs.on) }
}

function medians<Of extends Reading>(readings: readonly Of[]): Of {
  const names = Object.keys(readings[0]!)
  // The same names with other numbers.
  return Object.fromEntries(names.map((name) => [name, median(readings.map((reading) => reading[name]!))])) as Of
}

export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1]!
}

/** How much came of it, in the terms of the promise. */
export function gainOf({ promised, off, on }: Expectation): number {
  switch (promised.kind) {
    case 'less':
      return 1 - on.value / off.value
    case 'times':
      return on.value / off.value
    case 'share':
      return on.value
  }
}

export function isMet(expectation: Expectation): boolean {
  return gainOf(expectation) >= expectation.promised.least
}
