import { describe, expect, test } from 'vitest'
import { FLOORS, findCycles, findForbiddenImports, packagesBehind, placeOf } from './floors.js'
import { importsOf, readSources, type Sources } from './sources.js'

const SOURCES = readSources('src')

describe('the sources', () => {
  test('import only downward', () => expect(findForbiddenImports(SOURCES)).toEqual([]))

  test('import in no circle', () => expect(findCycles(SOURCES)).toEqual([]))

  test('import only files that exist', () => {
    const missing = [...SOURCES.keys()].flatMap((path) =>
      importsOf(path, SOURCES)
        .filter(({ to, isSource }) => isSource && !SOURCES.has(to) && !/\/generated\/|\.(css|svg)$/.test(to))
        .map(({ to }) => `${path} → ${to}`),
    )
    expect(missing).toEqual([])
  })

  test('in every folder stand on a floor or aside', () => {
    const aside = ['client', 'publisher', 'dashboard']
    const places = new Set([...SOURCES.keys()].map(placeOf))
    expect([...places].filter((place) => FLOORS[place] === undefined && !aside.includes(place))).toEqual([])
  })

  test('of the client need no package and nothing of Node', () => expect([...packagesBehind('client', SOURCES)]).toEqual([]))
})

describe('the check', () => {
  const planted = (path: string, text: string): Sources => new Map([...SOURCES, [path, text]])
  const complaints = (path: string, text: string) => findForbiddenImports(planted(path, text)).filter((line) => line.startsWith(path))

  test.each([
    ['src/db/planted.ts', `import { Hub } from '../sessions/hub.js'`, 'up from floor 2 to floor 3'],
    ['src/ids.ts', `import type { Log } from './log.js'`, 'up from floor 0 to floor 1'],
    ['src/sessions/planted.ts', `export { runWorker } from '../jobs/worker.js'`, 'sessions and jobs stand on one floor'],
    ['src/http/planted.ts', `const bus = await import('../bus/redis-bus.js')`, 'only app.ts names implementations'],
    ['src/sessions/planted.ts', `import { Redis } from 'ioredis'`, 'ioredis belongs to bus and cache and publisher'],
    ['src/client/planted.ts', `import { newId } from '../ids.js'`, 'client may import protocol only'],
    ['src/reconciliation/planted.ts', `import { readFile } from 'node:fs/promises'`, 'reconciliation is pure'],
    ['src/common/planted.ts', `import { newId } from '../ids.js'`, 'common stands on no floor'],
  ])('fires on %s with %s', (path, text, why) => {
    expect(complaints(path, text)).toEqual([expect.stringContaining(why)])
  })

  test('finds a circle', () => {
    const circle: Sources = new Map([
      ['src/db/a.ts', `import { b } from './b.js'`],
      ['src/db/b.ts', `import type { C } from './c.js'`],
      ['src/db/c.ts', `export * from './a.js'`],
    ])
    expect(findCycles(circle)).toEqual([['src/db/a.ts', 'src/db/b.ts', 'src/db/c.ts', 'src/db/a.ts']])
  })
})
