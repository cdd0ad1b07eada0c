import { cpus, totalmem } from 'node:os'
import type { Scenario } from './figure.js'

/** docs/results/fleet.md. */
export function pageOf(results: {
  readonly scenarios: readonly Scenario[]
  /** Of the last minute before the first measurement. */
  readonly loadAtStart: number
  readonly seconds: number
}): string {
  const sections = results.scenarios.map(({ title, setting, figures }) => {
    const rows = figures.map(({ what, measured, target, isMet }) => [
      what,
      measured,
      target,
      isMet === null ? '' : isMet ? 'yes' : '**no**',
    ])
    const lines = [['', 'measured', 'target', 'met'], ['---', '---:', '---:', '---'], ...rows].map((row) => `| ${row.join(' | ')} |`)
    return `## ${title}\n\n${setting}\n\n${lines.join('\n')}\n`
  })
  return `# Several processes

Made by \`npm run bench:fleet\` in ${Math.round(results.seconds)} s: ${cpus()[0]!.model.trim()}, ${cpus().length} cores, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.versions.node}. Load of the machine at the start (1 min): ${results.loadAtStart.toFixed(1)};
where something else runs beside, the figures are worth little. Processes of the built program, a Redis and a Postgres of their own, all sessions and publishers share
the machine.

${sections.join('\n')}`
}
