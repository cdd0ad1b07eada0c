import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Text by path from the root of the repository, with `/`. */
export type Sources = ReadonlyMap<string, string>

/** TypeScript below `folder`, without what is generated. */
export function readSources(folder: string): Sources {
  const paths = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((path) => posix.join(folder, path.replaceAll('\\', '/')))
    .filter((path) => /\.tsx?$/.test(path) && !path.includes('/generated/'))
  return new Map(paths.sort().map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

export interface Import {
  /** A source by its path, or the name of a package or of a built-in module. */
  readonly to: string
  readonly isSource: boolean
}

/** What a source imports, exports from or loads, types too. */
export function importsOf(path: string, sources: Sources): Import[] {
  return ts.preProcessFile(sources.get(path) ?? '').importedFiles.map(({ fileName }) => {
    if (!fileName.startsWith('.')) return { to: packageOf(fileName), isSource: false }
    const plain = posix.join(posix.dirname(path), fileName).replace(/\.js$/, '')
    const to = [`${plain}.ts`, `${plain}.tsx`, plain].find((candidate) => sources.has(candidate))
    return { to: to ?? plain, isSource: true }
  })
}

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}
