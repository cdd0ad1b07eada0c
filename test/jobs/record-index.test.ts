import fc from 'fast-check'
import { expect, test } from 'vitest'
import { newId } from '../../src/ids.js'
import { RecordIndex } from '../../src/jobs/record-index.js'

test('finds every record by its id and every id by its position', () => {
  const ids = Array.from({ length: 5_000 }, () => newId())
  const index = new RecordIndex(ids.length)
  for (const id of ids) index.append(id)
  expect(index.size).toBe(ids.length)
  expect(ids.map((id) => index.positionOf(id))).toEqual(ids.map((_, position) => position))
  expect(ids.map((_, position) => index.id(position))).toEqual(ids)
})

test('says -1 for an id that is not there, also when its slot is taken', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.uuid(), { minLength: 2, maxLength: 60 }), (ids) => {
      const [missing, ...rest] = ids
      const index = new RecordIndex(rest.length)
      for (const id of rest) index.append(id)
      expect(index.positionOf(missing!)).toBe(-1)
      expect(rest.map((id) => index.positionOf(id))).toEqual(rest.map((_, position) => position))
    }),
  )
})

test('an empty index answers', () => {
  expect(new RecordIndex(0).positionOf(newId())).toBe(-1)
})
