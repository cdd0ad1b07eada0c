import { describe, expect, test } from 'vitest'
import { currentJob, isSettled, mergeJob } from '../../src/dashboard/jobs.js'
import type { JobView } from '../../src/protocol/views.js'

function job(news: Partial<JobView>): JobView {
  return {
    id: 'a',
    project: 'p',
    kind: 'match',
    state: 'running',
    dryRun: false,
    ruleSet: null,
    phase: 'breaks',
    processed: 0,
    total: 100,
    matched: 0,
    suggested: 0,
    breaks: 0,
    percent: 0,
    rowsPerSecond: null,
    etaMs: null,
    controlTotals: null,
    notices: [],
    resultHash: null,
    error: null,
    createdBy: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: null,
    endedAt: null,
    version: 1,
    ...news,
  }
}

describe('a job’s news', () => {
  test('an older version is dropped', () => {
    const jobs = [job({ version: 5, percent: 50 })]
    expect(mergeJob(jobs, job({ version: 4, percent: 90 }))).toBe(jobs)
  })

  test('progress never goes back', () => {
    const jobs = mergeJob([job({ version: 5, percent: 50, processed: 50 })], job({ version: 6, percent: 40, processed: 40, matched: 9 }))
    expect(jobs).toMatchObject([{ version: 6, percent: 50, processed: 50, matched: 9 }])
  })

  test('a job that nobody knew stands where its beginning says', () => {
    const jobs = [job({ id: 'b', createdAt: '2026-01-02T00:00:00.000Z' })]
    expect(mergeJob(jobs, job({ id: 'a' })).map(({ id }) => id)).toEqual(['b', 'a'])
    expect(mergeJob(jobs, job({ id: 'c', createdAt: '2026-01-03T00:00:00.000Z' })).map(({ id }) => id)).toEqual(['c', 'b'])
  })
})

test('the job to show is the running one, else the next in the queue, else the newest', () => {
  const ended = job({ id: 'ended', state: 'completed' })
  const last = job({ id: 'last', state: 'queued' })
  const next = job({ id: 'next', state: 'queued' })
  const running = job({ id: 'running' })
  expect(currentJob([last, next, running, ended])?.id).toBe('running')
  expect(currentJob([last, next, ended])?.id).toBe('next')
  expect(currentJob([ended])?.id).toBe('ended')
  expect(currentJob([])).toBeNull()
})

test('figures are settled when something was matched, nothing runs and nothing is being counted', () => {
  const ended = job({ state: 'completed' })
  expect(isSettled({ jobs: [ended], isCounting: false })).toBe(true)
  expect(isSettled({ jobs: [ended], isCounting: true })).toBe(false)
  expect(isSettled({ jobs: [job({ id: 'b' }), ended], isCounting: false })).toBe(false)
  expect(isSettled({ jobs: [], isCounting: false })).toBe(false)
})
