import { expect, test } from 'vitest'
import { newId, parseId, parseUserId } from '../src/ids.js'

test('ids are UUIDs of version 7 in the order in which they were made', () => {
  const ids = Array.from({ length: 10_000 }, () => newId())
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})

test('an id says when it was made', () => {
  const now = Date.now()
  const [high = '', low = ''] = newId().split('-')
  expect(Number.parseInt(high + low, 16) - now).toBeLessThan(1_000)
  expect(Number.parseInt(high + low, 16)).toBeGreaterThanOrEqual(now)
})

test('an id is read in any case, nothing else is', () => {
  const id = newId()
  expect(parseId(id.toUpperCase())).toBe(id)
  for (const text of ['', 'x', id.slice(1), `${id} `, `{${id}}`, id.replaceAll('-', '')]) expect(parseId(text)).toBeNull()
})

test('a user id has 1 to 128 printable characters', () => {
  for (const text of ['a', 'x'.repeat(128), 'Zoë Łódź', 'auth0|1', '😀']) expect(parseUserId(text)).toBe(text)
  for (const text of ['', 'x'.repeat(129), 'a\n', '\u0000', '\u200b', '\ud800']) expect(parseUserId(text)).toBeNull()
})
