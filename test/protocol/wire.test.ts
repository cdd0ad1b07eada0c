import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { ERRORS } from '../../src/errors.js'
import { CLOSE_CODES, shouldReconnect } from '../../src/protocol/close-codes.js'
import { clientMessageSchema, parseClientFrame, serverMessageSchema } from '../../src/protocol/schemas.js'
import { WIRE_CHANGES } from '../../src/protocol/version.js'

const wire = JSON.stringify({ client: z.toJSONSchema(clientMessageSchema), server: z.toJSONSchema(serverMessageSchema) }, null, 2)

test('the wire is the one that version.ts tells of', async () => {
  const schema = createHash('sha256').update(wire).digest('hex').slice(0, 12)
  const told = WIRE_CHANGES.at(-1)
  const hint = `The wire has changed. Add a line to WIRE_CHANGES in src/protocol/version.ts with schema '${schema}' that says what it means
for a client of yesterday (compatible, or a new version), then run vitest -u: the difference of wire.snap shows what changed.`
  expect(told?.schema, hint).toBe(schema)
  await expect(`${wire}\n`).toMatchFileSnapshot('wire.snap')
})

test('[C5] joins in a hello are counted before one of them is judged: thousands that are none cost no more', () => {
  const joins = Array.from({ length: 20_000 }, () => ({}))
  expect(parseClientFrame({ type: 'hello', joins })).toEqual({ kind: 'too-many-joins', ref: null })
})

test('[§7] every close code of an error is in the table of close codes, and reconnects unless something has to change first', () => {
  const codes: ReadonlySet<number> = new Set(Object.values(CLOSE_CODES))
  for (const [name, { close, retryable }] of Object.entries(ERRORS)) {
    if (close === null) continue
    expect(codes, name).toContain(close)
    if (retryable) expect(shouldReconnect(close), name).toBe(true)
  }
})

test.each([
  [1000, true],
  [1006, true],
  [3999, true],
  [4000, true],
  [4499, true],
  [4500, false],
  [4999, false],
])('[§7] close code %i: reconnect %s', (code, isExpected) => {
  expect(shouldReconnect(code)).toBe(isExpected)
})
