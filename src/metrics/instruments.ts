import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { ScrapeReading } from './scrape-reading.js'

/** First part of every name of ours. */
export const PREFIX = 'tallyroom_'

/** A value for each combination of labels, as a reading has it. */
export type Samples = Iterable<readonly [labels: Readonly<Record<string, string>>, value: number]>

/**
 * Plain counts that a counter shows when it is scraped: counting costs a look into a map, which hot paths can pay. What is to stand at 0
 * from the start, so that its first increase is seen, is added as 0.
 */
export class Tally<Label extends string = string> {
  readonly #counts = new Map<string, { readonly labels: Readonly<Record<Label, string>>; count: number }>()

  constructor(registry: Registry, options: { readonly name: string; readonly help: string; readonly labels: readonly Label[] }) {
    const counts = this.#counts
    new Counter<string>({
      name: PREFIX + options.name,
      help: options.help,
      labelNames: options.labels,
      registers: [registry],
      collect() {
        this.reset()
        for (const { labels, count } of counts.values()) this.inc(labels, count)
      },
    })
  }

  /** Counts under the values; each call names the labels in the same order. */
  add(labels: Readonly<Record<Label, string>>, count = 1): void {
    // Values are names of ours, or routes: none has this character.
    const key = Object.values(labels).join('\n')
    const known = this.#counts.get(key)
    if (known) known.count += count
    else this.#counts.set(key, { labels, count })
  }
}

/** A counter without labels: one addition. */
export class Count {
  value = 0

  constructor(registry: Registry, name: string, help: string) {
    const read = () => this.value
    new Counter({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }
}

/** A histogram of ours. */
export function histogram<Label extends string = never>(
  registry: Registry,
  name: string,
  help: string,
  buckets: readonly number[],
  labelNames: readonly Label[] = [],
): Histogram<Label> {
  return new Histogram<Label>({ name: PREFIX + name, help, buckets: [...buckets], labelNames, registers: [registry] })
}

/** A gauge that is read at each scrape. What cannot be read now is left out: no value is better than an old one. */
export function readGauge<Value>(
  registry: Registry,
  reading: ScrapeReading<Value>,
  name: string,
  help: string,
  labelNames: readonly string[],
  samplesOf: (value: Value) => Samples | number | null,
): void {
  new Gauge<string>({
    name: PREFIX + name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      const value = await reading.read()
      const samples = value === null ? null : samplesOf(value)
      this.reset()
      // A gauge without labels stands at 0 after a reset.
      if (labelNames.length === 0) this.remove()
      if (typeof samples === 'number') this.set(samples)
      else for (const [labels, sample] of samples ?? []) this.set(labels, sample)
    },
  })
}

/** A counter of somebody who counts by himself, read at each scrape like {@link readGauge}. */
export function readCounter<Value>(
  registry: Registry,
  reading: ScrapeReading<Value>,
  name: string,
  help: string,
  labelNames: readonly string[],
  samplesOf: (value: Value) => Samples | number,
): void {
  new Counter<string>({
    name: PREFIX + name,
    help,
    labelNames,
    registers: [registry],
    async collect() {
      const value = await reading.read()
      // A counter that vanished and came back is none that began anew.
      if (value === null) return
      const samples = samplesOf(value)
      this.reset()
      if (typeof samples === 'number') this.inc(samples)
      else for (const [labels, sample] of samples) this.inc(labels, sample)
    },
  })
}
