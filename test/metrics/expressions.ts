import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OPS = fileURLToPath(new URL('../../ops/', import.meta.url))
const DASHBOARDS = `${OPS}grafana/dashboards/`

/** A query of Prometheus, and where it stands. */
export interface Expression {
  readonly where: string
  readonly text: string
}

export interface Alert extends Expression {
  readonly name: string
  readonly runbook: string
}

/** What Prometheus itself has. */
const OWN = new Set(['up', 'ALERTS'])
const WORDS = new Set(['and', 'or', 'unless', 'offset', 'bool', 'inf', 'nan'])
const CLAUSE = /\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g

/** The alerts of ops/prometheus/rules.yml, which is written in the one form that this reads. */
export function readAlerts(text = readFileSync(`${OPS}prometheus/rules.yml`, 'utf8')): Alert[] {
  return text
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((rule) => {
      const name = rule.split('\n', 1)[0]!.trim()
      const expr = /^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/m.exec(rule)
      return { name, where: `alert ${name}`, text: expr?.[1] ?? expr?.[2] ?? '', runbook: /^ {10}runbook: (\S+)$/m.exec(rule)?.[1] ?? '' }
    })
}

/** Every query of every panel under ops/grafana/dashboards. */
export function readPanelExpressions(): Expression[] {
  return readdirSync(DASHBOARDS).flatMap((file) => {
    // Written by us, and a panel without a query has no business there.
    const { panels } = JSON.parse(readFileSync(DASHBOARDS + file, 'utf8')) as {
      readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
    }
    return panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: `${file}: ${title}`, text: expr })))
  })
}

/** Names of metrics in a query: what is left of it without texts, labels, clauses, ranges and functions. */
export function metricsIn(expression: string): string[] {
  const bare = expression
    .replaceAll(/"[^"]*"/g, '')
    .replaceAll(/\{[^}]*\}/g, '')
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/\boffset\s+\w+/g, '')
    .replaceAll(CLAUSE, '')
  return [...new Set([...bare.matchAll(/(?<![\w.:])([a-zA-Z_:][\w:]*)(?!\s*\(|[\w:])/g)].map((match) => match[1]!))].filter(
    (name) => !WORDS.has(name),
  )
}

/** Names in the queries that nobody exports, as `where: name`. `names`: of metrics, those of histograms without their endings. */
export function findUnknownMetrics(expressions: readonly Expression[], names: readonly string[]): string[] {
  const known = new Set(names.flatMap((name) => [name, `${name}_bucket`, `${name}_sum`, `${name}_count`]))
  return expressions.flatMap(({ where, text }) => {
    const found = metricsIn(text)
    if (found.length === 0) return [`${where}: no metric in ${text.trim() || 'an empty query'}`]
    return found.filter((name) => !known.has(name) && !OWN.has(name)).map((name) => `${where}: ${name}`)
  })
}
