import { expect, test } from 'vitest'
import { Lane } from '../../src/sessions/lane.js'
import { settle } from './fake-clock.js'

test('[J8] a lane lets so many through at once, in order, also past those that fail', async () => {
  const lane = new Lane(2)
  const started: number[] = []
  const ends: (() => void)[] = []
  const runs = Array.from({ length: 5 }, (_, index) =>
    lane
      .run(async () => {
        started.push(index)
        await new Promise<void>((resolve) => ends.push(resolve))
        if (index === 0) throw new Error('cannot')
        return index
      })
      .catch(() => 'failed'),
  )
  await settle()
  expect(started).toEqual([0, 1])
  for (let ended = 0; ended < 5; ended++) {
    ends[ended]!()
    await settle()
    expect(started).toHaveLength(Math.min(5, ended + 3))
  }
  expect(await Promise.all(runs)).toEqual(['failed', 1, 2, 3, 4])
  expect(started).toEqual([0, 1, 2, 3, 4])
})
