import { expect, test } from 'vitest'
import { type BreakFilter, BreakList, isOverdue, OPEN_BREAKS } from '../../src/dashboard/break-list.js'
import type { BreakView, RecordView } from '../../src/protocol/views.js'

const view = (id: string, news: Partial<BreakView> = {}): BreakView => ({
  id,
  project: 'p',
  record: `r${id}`,
  side: 'left',
  reason: 'no-candidate',
  nearestMiss: null,
  assignee: null,
  dueAt: null,
  note: null,
  status: 'open',
  version: 1,
  ...news,
})

const rowOf = ({ record, side }: BreakView): RecordView => ({
  id: record,
  project: 'p',
  source: 's',
  side,
  rowNo: 1,
  externalId: null,
  reference: null,
  counterparty: null,
  memo: null,
  amount: '1',
  currency: 'EUR',
  valueDate: null,
  state: 'open',
})

async function makeList(stored: readonly BreakView[], filter: BreakFilter = OPEN_BREAKS) {
  const list = new BreakList(filter, async ({ cursor }) => {
    const from = cursor === null ? 0 : Number(cursor)
    const items = stored.slice(from, from + 2)
    return { items, records: items.map(rowOf), nextCursor: from + 2 < stored.length ? String(from + 2) : null }
  })
  await list.load('anew')
  return { list, ids: () => (list.state.value.breaks ?? []).map(({ id }) => id) }
}

test('pages follow each other with their rows; a newer state is taken in its place', async () => {
  const { list, ids } = await makeList([view('1'), view('2'), view('3')])
  await list.load('on')
  list.take(view('2', { status: 'resolved', version: 2 }))
  list.take(view('2'))
  expect(ids()).toEqual(['1', '2', '3'])
  expect(list.state.value.breaks?.map((one) => list.recordOf(one)?.id)).toEqual(['r1', 'r2', 'r3'])
  expect(list.state.value.breaks?.[1]?.status).toBe('resolved')
})

test('a new one is counted while it fits; what was not read yet is not new', async () => {
  const stored = [view('1'), view('2'), view('4')]
  const { list, ids } = await makeList(stored, { ...OPEN_BREAKS, side: 'left' })
  list.take(view('3'))
  list.take(view('9', { side: 'right' }))
  expect([list.state.value.unseen, ids()]).toEqual([1, ['1', '2']])
  stored[1] = view('2', { assignee: { id: 'ana', name: 'Ana' }, version: 2 })
  await list.refresh()
  expect([list.state.value.unseen, list.state.value.breaks?.[1]?.assignee?.name]).toEqual([1, 'Ana'])
})

test('how many there are is what the server said last', async () => {
  let count = 70
  const list = new BreakList(OPEN_BREAKS, async ({ cursor }) => {
    return { items: [view(cursor ?? '1')], records: [], nextCursor: '2', ...(cursor === null ? { count } : {}) }
  })
  await list.load('anew')
  await list.load('on')
  expect(list.state.value.count).toBe(70)
  count = 69
  await list.refresh()
  expect(list.state.value.count).toBe(69)
})

test.each([
  ['2026-11-24T00:00:00.000Z', 'open', true],
  ['2026-11-25T00:00:00.000Z', 'open', false],
  ['2026-11-24T00:00:00.000Z', 'resolved', false],
  [null, 'open', false],
] as const)('due %s and %s', (dueAt, status, expected) => {
  expect(isOverdue(view('1', { dueAt, status }), '2026-11-25')).toBe(expected)
})
