import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ProgressPublisher } from '../../src/jobs/progress.js'
import type { JobView } from '../../src/protocol/views.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

function job(version: number, phase = 'references', state: JobView['state'] = 'running'): JobView {
  // Only what the publisher looks at.
  return { id: 'a', version, phase, state } as JobView
}

function publisher() {
  const versions: number[] = []
  return { versions, progress: new ProgressPublisher((view) => versions.push(view.version)) }
}

test('publishes the first state at once and then at most ten a second, the newest one', () => {
  const { versions, progress } = publisher()
  for (let version = 1; version <= 100; version++) {
    progress.update(job(version))
    vi.advanceTimersByTime(10)
  }
  vi.advanceTimersByTime(100)
  expect(versions[0]).toBe(1)
  expect(versions.at(-1)).toBe(100)
  expect(versions.length).toBeLessThanOrEqual(11)
  expect(versions).toEqual([...versions].sort((one, other) => one - other))
  progress.stop()
})

test('a change of phase goes out at once', () => {
  const { versions, progress } = publisher()
  progress.update(job(1, 'one'))
  progress.update(job(2, 'one'))
  progress.update(job(3, 'two'))
  expect(versions).toEqual([1, 3])
  vi.advanceTimersByTime(1_000)
  expect(versions).toEqual([1, 3])
  progress.stop()
})

test('of two commits told in the other order the newer one counts', () => {
  const { versions, progress } = publisher()
  for (const version of [1, 3, 2]) progress.update(job(version))
  vi.advanceTimersByTime(1_000)
  expect(versions).toEqual([1, 3])
  expect(vi.getTimerCount()).toBe(0)
})

test('says nothing of a job after its end: the last word is an event', () => {
  const { versions, progress } = publisher()
  progress.update(job(1))
  progress.update(job(2))
  progress.update(job(3, 'done', 'completed'))
  vi.advanceTimersByTime(1_000)
  expect(versions).toEqual([1])
  expect(vi.getTimerCount()).toBe(0)
})
