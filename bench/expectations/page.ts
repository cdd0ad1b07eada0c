import { cpus, totalmem } from 'node:os'
import { type Expectation, FIGURES, gainOf, isMet, RUNS } from './expectation.js'

/** docs/results/expectations.md. */
export function pageOf(results: {
  readonly expectations: readonly Expectation[]
  /** Of the last minute before the first measurement. */
  readonly loadAtStart: number
  readonly seconds: number
}): string {
  const expectations = results.expectations.toSorted((one, other) => FIGURES.indexOf(one.figure) - FIGURES.indexOf(other.figure))
  const missed = expectations.filter((expectation) => !isMet(expectation))
  const notes = expectations.flatMap(({ figure, note }) => (note === undefined ? [] : [`- ${figure}: ${note}`]))
  return `# What was promised, and what came of it

Made by \`npm run expectations\` in ${Math.round(results.seconds)} s: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}.
Load of the machine at the start (1 min): ${results.loadAtStart.toFixed(1)}; where something else runs beside, the figures are worth little. What is measured, Postgres, Redis, browser and generator share the cores.

Off and on are the same code and the same data; what differs is an option of a constructor, or what the other side asks for, and stands in the row. Each figure is the median of ${RUNS} runs
in alternating order after one to warm up. Bytes of the bundle do not vary and are taken once. A row is met when its lower bound is; more than the upper one is no fault. What was missed stays in the table: ${missed.length === 0 ? 'nothing' : `${missed.length} of ${expectations.length}`}.

| promised | off | on | ratio | expected | met |
| --- | --- | --- | ---: | ---: | --- |
${expectations.map(row).join('\n')}
${notes.length === 0 ? '' : `\n${notes.join('\n')}\n`}`
}

function row(expectation: Expectation): string {
  const { figure, unit, off, on } = expectation
  const side = ({ value, what }: Expectation['off']) => `${shown(value, unit)}: ${what}`
  return `| ${[figure, side(off), side(on), ratioOf(expectation), expectedOf(expectation), isMet(expectation) ? 'yes' : '**missed**'].join(' | ')} |`
}

function shown(value: number, unit: string): string {
  return `${number(unit === '%' ? 100 * value : value)} ${unit}`
}

/** Three digits say what a bench can say. */
function number(value: number): string {
  return value.toLocaleString('en', value >= 1_000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 })
}

function ratioOf(expectation: Expectation): string {
  const gain = gainOf(expectation)
  switch (expectation.promised.kind) {
    case 'less':
      if (gain > 0.999) return '> 99.9 % less'
      return gain >= 0 ? `${percent(gain)} less` : `${percent(-gain)} more`
    case 'times':
      return `${number(gain)} ×`
    case 'share':
      return `${number(expectation.on.value / expectation.off.value)} ×`
  }
}

function expectedOf({ promised: { kind, least, most } }: Expectation): string {
  const [format, unit] = kind === 'times' ? [String, '×'] : [(share: number) => String(Math.round(100 * share)), '%']
  const range = most === null ? `≥ ${format(least)}` : most === least ? format(least) : `${format(least)}–${format(most)}`
  return `${range} ${unit}${kind === 'less' ? ' less' : ''}`
}

function percent(share: number): string {
  return `${number(100 * share)} %`
}
