import { describe, expect, test } from 'vitest'
import { ApiError } from '../../src/dashboard/api.js'
import { type MatchFilter, MatchList, SUGGESTED } from '../../src/dashboard/match-list.js'
import type { MatchView } from '../../src/protocol/views.js'
import { matchView } from './match-view.js'

/** A list over these matches; frames pass when the test says so. */
function makeList(stored: readonly MatchView[], filter: MatchFilter = SUGGESTED) {
  const frames: (() => void)[] = []
  let failure: ApiError | null = null
  const list = new MatchList(
    filter,
    async ({ limit, cursor }) => {
      if (failure !== null) throw failure
      const from = cursor === null ? 0 : Number(cursor)
      const next = from + limit
      return { items: stored.slice(from, next), nextCursor: next < stored.length ? String(next) : null }
    },
    (draw) => {
      frames.push(draw)
      return () => {}
    },
  )
  return { list, frames, fail: (error: ApiError | null) => (failure = error) }
}

/** What is under way has happened when nothing more can. */
const settle = () => new Promise((resolve) => setImmediate(resolve))
const many = (count: number) => Array.from({ length: count }, (_, index) => matchView(`m${index}`))
const idsOf = ({ entries }: MatchList) => entries.map(({ row }) => row.id)

describe('the list of matches', () => {
  test('reads on as it is looked at, each page once', async () => {
    const { list } = makeList(many(2_500))
    list.need(0)
    list.need(0)
    await settle()
    expect(list.entries.length).toBe(100)
    for (const [seen, read] of [
      [10, 600],
      [20, 1_100],
      [30, 1_100],
      [1_090, 1_600],
    ] as const) {
      list.need(seen)
      await settle()
      expect(list.entries.length, `after row ${seen}`).toBe(read)
    }
    expect(list.isComplete).toBe(false)
    for (const seen of [1_600, 2_100, 2_500]) {
      list.need(seen)
      await settle()
    }
    expect(list.isComplete).toBe(true)
    expect(new Set(idsOf(list)).size).toBe(2_500)
  })

  test('a decision changes an entry in its place; an older state does not', async () => {
    const { list } = makeList(many(3))
    list.need(0)
    await settle()
    list.take(matchView('m1', { status: 'confirmed', version: 2 }))
    list.take(matchView('m1'))
    expect(idsOf(list)).toEqual(['m0', 'm1', 'm2'])
    expect(list.get('m1')?.row.status).toBe('confirmed')
    expect(list.decided).toBe(1)
  })

  test('what is new is counted while it fits, and moves nothing', async () => {
    const { list } = makeList(many(2), { ...SUGGESTED, minConfidence: '0.9' })
    list.need(0)
    await settle()
    list.take(matchView('new'))
    list.take(matchView('weak', { confidence: '0.80000' }))
    expect([list.unseen, idsOf(list)]).toEqual([1, ['m0', 'm1']])
    list.take(matchView('new', { status: 'rejected', version: 2 }))
    expect(list.unseen).toBe(0)
  })

  test('a thousand changes between two pictures are one', async () => {
    const { list, frames } = makeList(many(1))
    list.need(0)
    await settle()
    for (const draw of frames.splice(0)) draw()
    const drawn = list.changes.value
    for (let version = 2; version < 1_002; version++) list.take(matchView('m0', { version }))
    expect(frames.length).toBe(1)
    for (const draw of frames.splice(0)) draw()
    expect(list.changes.value).toBe(drawn + 1)
  })

  test('stops at an error until somebody tries again', async () => {
    const { list, fail } = makeList(many(1))
    fail(new ApiError('away', { code: 'UNREACHABLE', status: 0 }))
    list.need(0)
    await settle()
    list.need(0)
    expect([list.error?.code, list.isLoaded]).toEqual(['UNREACHABLE', false])
    fail(null)
    list.retry()
    await settle()
    expect([list.error, list.isComplete]).toEqual([null, true])
  })

  test('an empty list that has gone stale reads itself anew', async () => {
    const stored: MatchView[] = []
    const { list } = makeList(stored)
    list.need(0)
    await settle()
    stored.push(matchView('late'))
    list.markStale()
    await settle()
    expect([idsOf(list), list.isStale]).toEqual([['late'], false])
    list.markStale()
    expect(list.isStale).toBe(true)
  })
})
