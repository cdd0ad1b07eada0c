import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT, readSources, type Sources } from './sources.js'

const MAX_LINES = 400

/** Names of the models that no file of `sources` uses, neither through Prisma nor by their table. */
function findUnusedModels(schema: string, sources: Sources): string[] {
  const code = [...sources.values()].join('\n')
  const models = [...schema.matchAll(/^model (\w+) \{[^}]*?@@map\("(\w+)"\)/gms)]
  return models
    .filter(([, model, table]) => {
      const delegate = model![0]!.toLowerCase() + model!.slice(1)
      return !new RegExp(`\\.${delegate}\\.|\\b(from|join|into|update) ${table}\\b`).test(code)
    })
    .map(([, model]) => model!)
}

/** Places that match, as `path:line`. */
function findLines(sources: Sources, pattern: RegExp): string[] {
  return [...sources].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  )
}

describe('the sources', () => {
  const sources = readSources('src')

  test(`have at most ${MAX_LINES} lines each`, () => {
    const long = [...sources].filter(([, text]) => text.trimEnd().split('\n').length > MAX_LINES).map(([path]) => path)
    expect(long).toEqual([])
  })

  test('read the environment at the border only: commands hand it to config.ts', () => {
    expect(findLines(sources, /process\.env/).filter((place) => !place.startsWith('src/commands/'))).toEqual([])
  })

  test('leave nothing for later', () => expect(findLines(sources, /\b(TODO|FIXME|XXX:)/)).toEqual([]))
})

test('no test is run alone or left out', () => {
  const pattern = /\b(test|it|describe)\.(only|skip|todo)\b/
  expect(findLines(readSources('test'), pattern)).toEqual([])
  expect(findLines(new Map([['x', `describe.${'only'}('x', run)`]]), pattern)).toEqual(['x:1'])
})

describe('the models of the schema', () => {
  const schema = readFileSync(join(ROOT, 'prisma/schema.prisma'), 'utf8')
  const sources = readSources('src/db')

  test('are each read and written by a file of src/db', () => expect(findUnusedModels(schema, sources)).toEqual([]))

  test('are noticed when nothing uses them', () => {
    expect(findUnusedModels(`${schema}\nmodel Wish {\n  id String @id\n\n  @@map("wishes")\n}\n`, sources)).toEqual(['Wish'])
  })
})
