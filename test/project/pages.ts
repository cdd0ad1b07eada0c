import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './sources.js'

/** What is wrong with docs/dependencies.md beside the runtime dependencies of package.json. */
export function findDependencyFaults(page: string, dependencies: readonly string[]): string[] {
  const named = [...page.matchAll(/^- `([^`]+)`: .+\.$/gm)].map((match) => match[1]!)
  return [
    ...dependencies.filter((name) => !named.includes(name)).map((name) => `${name} has no line`),
    ...named
      .filter((name, index) => !dependencies.includes(name) || named.indexOf(name) !== index)
      .map((name) => `${name} has a line too many`),
    ...(dependencies.length > 25 ? [`${dependencies.length} dependencies are more than 25`] : []),
  ]
}

/**
 * What is wrong with docs/coverage.md: rows `item | files | command | last figure`. Each file and each npm script in backticks has to
 * exist, and a row either has all of them or says *not yet*.
 */
export function findCoverageFaults(page: string, scripts: readonly string[]): string[] {
  const rows = page
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\| *(Item|---)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  return rows.flatMap((cells) => {
    const [item = '', files = '', command = '', figure = ''] = cells
    const faults = [...files.matchAll(/`([^`]+)`/g)].map((match) => match[1]!).filter((path) => !existsSync(join(ROOT, path)))
    const missing = [...command.matchAll(/\bnpm (?:run )?([\w:-]+)/g)].map((match) => match[1]!).filter((name) => !scripts.includes(name))
    const isLater = figure.startsWith('*not yet*')
    return [
      ...faults.map((path) => `${item}: there is no file ${path}`),
      ...missing.map((name) => `${item}: there is no script ${name}`),
      ...(cells.length === 4 ? [] : [`${item}: a row has four cells`]),
      ...(isLater || (files && command && figure) ? [] : [`${item}: a cell is empty and nothing says *not yet*`]),
    ]
  })
}
