import { expect, test } from 'vitest'
import { identify } from '../../src/db/query-name.js'
import { SLOW_MS, SlowQueries } from '../../src/db/slow-queries.js'

const event = (sql: string, ms: number) => ({ ...identify(sql), sql, values: [], ms })

test('a slow statement stands once, with its count, p95 and worst; fast ones never', () => {
  const slow = new SlowQueries()
  for (let ms = 101; ms <= 200; ms++) expect(slow.record(event('select * from matches where id = $1', ms))).toBe(true)
  for (let no = 0; no < 1_000; no++) expect(slow.record(event('select * from records where id = $1', SLOW_MS))).toBe(false)
  expect(slow.list()).toEqual([
    expect.objectContaining({ name: 'select matches', sql: 'select * from matches where id = $1', count: 100, p95Ms: 195, worstMs: 200 }),
  ])
})

test('what is kept is bounded: the shape not seen for longest goes, and durations are the newest', () => {
  const slow = new SlowQueries()
  for (let no = 0; no < 150; no++) {
    slow.record(event(`select ${'x'.repeat(no)} from a`, 1_000 + no))
    slow.record(event('select stays from a', 150))
  }
  expect(slow.list()).toHaveLength(100)
  expect(slow.list().find(({ sql }) => sql === 'select stays from a')).toMatchObject({ count: 150 })
  for (let no = 0; no < 250; no++) slow.record(event('select newest from a', no < 50 ? 90_000 : 200))
  expect(slow.list()[0]).toMatchObject({ sql: 'select newest from a', count: 250, p95Ms: 200, worstMs: 90_000 })
})

test('the same statement has one fingerprint, whatever its spaces and the lengths of its lists; a name may be given', () => {
  const one = identify('select a from "public"."jobs" where id in ($1,$2) and b = $3')
  expect(identify('select a\n  from "public"."jobs" where id in ($1) and b = $2')).toEqual(one)
  expect(one.name).toBe('select jobs')
  expect(identify('select b from jobs').fingerprint).not.toBe(one.fingerprint)
  expect(identify('/* records.list */ select 1').name).toBe('records.list')
  expect(identify('with a as (update projects set b = 1) insert into outbox select 1').name).toBe('update projects')
  expect(identify('BEGIN').name).toBe('begin')
  expect(identify('insert into "public"."users" values ($1)').name).toBe('insert users')
})
