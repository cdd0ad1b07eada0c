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
    const { list } = makeList(many(1_250))
    list.need(0)
    list.need(0)
    await settle()
    expect(list.entries.length).toBe(100)
    for (const [seen, read] of [
      [10, 350],
      [20, 600],
      [30, 850],
      [40, 1_100],
      [50, 1_100],
      [101, 1_250],
      [1_250, 1_250],
    ] as const) {
      list.need(seen)
      await settle()
      expect(list.entries.length, `after row ${seen}`).toBe(read)
      expect(list.isComplete).toBe(read === 1_250)
    }
    expect(new Set(idsOf(list)).size).toBe(1_250)
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

  test('of a search is new what says it, and nothing is known of the least sure of all', async () => {
    const saying = (id: string, summary: string) => matchView(id, { explanation: { ...matchView(id).explanation, summary } })
    const { list } = makeList([saying('m0', 'both say Hertz')], { ...SUGGESTED, q: 'hertz' })
    list.need(0)
    await settle()
    list.take(saying('other', 'both say Avis'))
    expect(list.unseen).toBe(0)
    list.take(saying('new', 'both say Hertz'))
    expect([list.unseen, list.leastSure('0.5', null)]).toEqual([1, []])
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

  test('what is looked at is read again in its place; what came is counted, what went unseen makes the list stale', async () => {
    const stored = many(120)
    const { list } = makeList(stored)
    list.need(0)
    await settle()
    list.need(10)
    await settle()
    stored[3] = matchView('m3', { confidence: '0.91000', version: 2 })
    await list.refresh()
    expect([list.get('m3')?.row.confidence, list.unseen, list.isStale]).toEqual(['0.91000', 0, false])
    stored.splice(1, 0, matchView('new'))
    await list.refresh()
    expect([idsOf(list).length, list.unseen, list.isStale]).toEqual([120, 1, false])
    stored.splice(0, 1)
    await list.refresh()
    expect([idsOf(list)[0], list.isStale]).toEqual(['m0', true])
  })

  test('a bulk decision shows where it reached, and so does taking it back', async () => {
    const { list } = makeList([matchView('sure', { confidence: '0.99000' }), matchView('less', { confidence: '0.94000' })])
    list.need(0)
    await settle()
    const by = { id: 'ana', name: 'Ana' }
    const bulk = { minConfidence: '0.95', rule: null, count: 1, isUndone: false, by, at: '2026-11-25T10:00:00.000Z' }
    list.takeBulk(bulk)
    expect(list.entries.map(({ row }) => row.status)).toEqual(['confirmed', 'proposed'])
    list.takeBulk({ ...bulk, minConfidence: null, isUndone: true, by: { id: 'ben', name: 'Ben' } })
    expect(list.get('sure')?.row.status, 'what Ben took back was not this').toBe('confirmed')
    list.takeBulk({ ...bulk, minConfidence: null, isUndone: true })
    expect(list.get('sure')?.row.status).toBe('proposed')
  })

  test('the least sure of what a limit reaches, when it was read so far', async () => {
    const stored = Array.from({ length: 300 }, (_, index) => matchView(`m${index}`, { confidence: (0.99 - index / 1_000).toFixed(5) }))
    const { list } = makeList(stored)
    list.need(0)
    await settle()
    expect(list.leastSure('0.95', null).map(({ confidence }) => confidence)).toEqual(['0.95200', '0.95100', '0.95000'])
    expect(list.leastSure('0.8', null)).toEqual([])
  })
})
