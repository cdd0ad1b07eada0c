import { expect, test } from 'vitest'
import { type Activity, describe, withActivity } from '../../src/dashboard/activity.js'
import type { EventData, EventType } from '../../src/protocol/events.js'
import type { BreakView } from '../../src/protocol/views.js'
import { matchView } from './match-view.js'

const ANA = { id: 'ana', name: 'Ana' }
const nameOf = (user: string) => (user === 'ana' ? 'Ana' : user)
const lineOf = <Type extends EventType>(type: Type, data: EventData[Type], actor: string | null = 'ana') => {
  // The type says which data it has; the compiler does not follow that through a generic.
  const event = { seq: 1, id: 'e', at: '2026-03-01T09:00:00.000Z', type, actor, data } as unknown as Parameters<typeof describe>[0]
  const line = describe(event, nameOf)
  return line && `${line.who ?? '-'} ${line.text}`
}

test('many at once, and their way back, are told with a name and in other words', () => {
  const filter = { minConfidence: '0.95', rule: null }
  expect(lineOf('matches.decided', { filter, count: 42, undone: false })).toBe('Ana confirmed 42 suggestions at ≥ 95% at once')
  expect(lineOf('matches.decided', { filter: { act: 'x' }, count: 42, undone: true })).toBe('Ana took 42 decisions back')
})

test('a match by hand, one that was taken apart and one whose rows went elsewhere are told apart', () => {
  const match = matchView('a', { rule: 'manual', left: ['l1', 'l2'], status: 'confirmed', decidedBy: ANA })
  expect(lineOf('match.created', { match })).toBe('Ana matched 3 rows by hand')
  expect(lineOf('match.removed', { match: { ...match, status: 'removed' } })).toBe('Ana took a match apart')
  expect(lineOf('match.removed', { match: { ...match, status: 'removed', decidedBy: null } })).toBe('Ana took a match by hand back')
  expect(lineOf('match.removed', { match: matchView('b', { status: 'removed' }) })).toBeNull()
})

test('what somebody said about a break is told; where nothing was said, what became of it', () => {
  const view: BreakView = {
    id: 'b',
    project: 'p',
    record: 'r',
    side: 'left',
    reason: 'no-candidate',
    nearestMiss: null,
    assignee: { id: 'ben', name: 'Ben' },
    dueAt: '2026-03-09T00:00:00.000Z',
    note: 'paid twice',
    status: 'open',
    version: 2,
  }
  const said = (changed: EventData['break.changed']['changed'], news: Partial<BreakView> = {}) =>
    lineOf('break.changed', { break: { ...view, ...news }, ...(changed && { changed }) })
  expect(said(['assignee'])).toBe('Ana gave a break to Ben')
  expect(said(['assignee'], { assignee: ANA })).toBe('Ana took a break')
  expect(said(['assignee'], { assignee: null })).toBe('Ana gave a break up')
  expect(said(['dueAt'])).toMatch(/^Ana made a break due .*9/)
  expect(said(['status', 'assignee'], { status: 'resolved' })).toBe('Ana resolved a break and gave a break to Ben')
  expect(said(['note'])).toBe('Ana noted on a break: “paid twice”')
  expect(said(['note'], { note: null })).toBe('Ana took a break’s note away')
  expect(said(['status', 'note'], { status: 'resolved' })).toBe('Ana resolved a break: “paid twice”')
  // The whole note stands with the break.
  expect(said(['note'], { note: `${'x'.repeat(99)} ${'y'.repeat(99)}` })).toBe(`Ana noted on a break: “${'x'.repeat(99)}…”`)
  expect(said(undefined, { status: 'resolved' })).toBe('Ana resolved a break')
  expect(said(undefined)).toBe('Ana opened a break again')
})

test('of one act the first line stands, whatever followed from it', () => {
  const line = (id: string, at: string): Activity => ({ id, at, who: 'Ana', text: id })
  const lines = ['a', 'b', 'a'].reduce<readonly Activity[]>((held, id) => withActivity(held, line(id, '09:00')), [])
  expect(lines.map(({ id }) => id)).toEqual(['a'])
  expect(withActivity(lines, line('c', '09:01')).map(({ id }) => id)).toEqual(['c', 'a'])
})
