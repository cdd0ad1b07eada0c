import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { generatedPages } from '../../scripts/docs.js'
import { ERRORS } from '../../src/errors.js'
import { findCoverageFaults, findDependencyFaults } from './pages.js'
import { ROOT } from './sources.js'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const MANIFEST = JSON.parse(read('package.json')) as { readonly dependencies: object; readonly scripts: object }
const DEPENDENCIES = Object.keys(MANIFEST.dependencies)
const SCRIPTS = [...Object.keys(MANIFEST.scripts), 'ci', 'install']

describe('the pages', () => {
  test.each(Object.entries(generatedPages()))('%s is fresh: `npm run docs` writes it', (path, text) => {
    expect(read(path)).toBe(text)
  })

  test('of errors have every code of errors.ts, and no other', () => {
    const codes = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1])
    expect(codes.sort()).toEqual(Object.keys(ERRORS).sort())
  })

  test('of dependencies have a line for each, at most 25', () => {
    expect(findDependencyFaults(read('docs/dependencies.md'), DEPENDENCIES)).toEqual([])
  })

  test('of the protocol have a test for each rule: `npm run rules` says which', () => {
    const { status, stdout } = spawnSync(process.execPath, [join(ROOT, 'scripts/rules.mjs')], { encoding: 'utf8' })
    expect(stdout.split('\n').slice(-3).join('\n')).not.toContain('without a test')
    expect(status).toBe(0)
  })

  test('of coverage name files and scripts that exist', () => {
    expect(findCoverageFaults(read('docs/coverage.md'), SCRIPTS)).toEqual([])
  })
})

describe('the checks', () => {
  test('fire on a dependency without a line, and on a line without one', () => {
    const page = read('docs/dependencies.md')
    expect(findDependencyFaults(page, [...DEPENDENCIES, 'left-pad'])).toEqual(['left-pad has no line'])
    expect(findDependencyFaults(`${page}- \`left-pad\`: pads.\n`, DEPENDENCIES)).toEqual(['left-pad has a line too many'])
    expect(
      findDependencyFaults(
        '',
        Array.from({ length: 26 }, (_, index) => `p${index}`),
      ),
    ).toContain('26 dependencies are more than 25')
  })

  test('fire on a file or script that does not exist, and on an empty cell', () => {
    expect(findCoverageFaults('| Pool | `src/db/swimming.ts` | `npm run swim` | 3 |', SCRIPTS)).toEqual([
      'Pool: there is no file src/db/swimming.ts',
      'Pool: there is no script swim',
    ])
    expect(findCoverageFaults('| Pool | `src/db/client.ts` | `npm test` |  |', SCRIPTS)).toEqual([
      'Pool: a cell is empty and nothing says *not yet*',
    ])
    expect(findCoverageFaults('| Pool |  |  | *not yet* |', SCRIPTS)).toEqual([])
  })
})
