import { expect, test } from 'vitest'
import { isLong } from '../support/long.js'
import { simulateProcesses } from './processes.js'
import { PROCESS_SITUATIONS, Situations } from './situations.js'

const SEEDS = isLong ? 3_000 : 500
const PROCESSES = 3

/** What was wrong once, and what it was. */
const FOUND = {
  46: 'Redis went back and then on by as many messages, and latest values that it had lost stayed',
  795: 'Redis was emptied between making an epoch and reading it, and a session joined an epoch without a name',
  1885: 'what Redis had lost by going back went out again in its old place, behind another event',
  2679: 'the same, in a longer history',
  5197: 'the same, where Redis had gone back to before the first of the outbox',
  3332: 'a client did not read for so long that the checker took an old error for a new one',
  7043: 'nobody knew whether an event was published, and when that was asked the stream had lost it',
  6047: 'Redis went back and on by as many messages, and each value that it had lost had a newer one: nobody need hear of it',
  7940: 'a process that had heard nothing for seconds gave a snapshot of before to somebody who had heard what came since',
  20398: 'a session that was ahead of its process continued there, though Redis had gone back before the process heard anything',
  16978: 'what was sent in the moment in which the one before arrived overtook it',
}

const run = async (seed: number, situations: Situations) =>
  expect(
    await simulateProcesses(seed, PROCESSES, situations),
    `npm run simulate -- --processes ${PROCESSES} --seeds 1 --seed ${seed}`,
  ).toEqual([])

test.each(Object.entries(FOUND))('[D2] [D4] [B5] seed %s: %s', async (seed) => run(Number(seed), new Situations([])))

test('[D2] [D4] [D7] [D8] [C9] [B4] [P3] [P4] whatever happens to processes, Redis and database, each client hears what it was promised, once and in order', {
  timeout: 300_000,
}, async () => {
  const situations = new Situations(PROCESS_SITUATIONS)
  for (let seed = 1; seed <= SEEDS; seed++) await run(seed, situations)
  console.log(`${SEEDS} simulations of ${PROCESSES} processes:\n${situations}`)
  expect(situations.missing).toEqual([])
})
