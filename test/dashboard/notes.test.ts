import { expect, test } from 'vitest'
import { noteChange } from '../../src/dashboard/notes.js'

test.each([
  ['paid twice', null, { note: 'paid twice' }],
  ['  paid twice\n', 'paid twice', {}],
  ['', null, {}],
  [' ', 'paid twice', { note: null }],
  ['paid once', 'paid twice', { note: 'paid once' }],
])('%j in the field of a note that says %j', (text, stored, expected) => {
  expect(noteChange(text, stored)).toEqual(expected)
})
