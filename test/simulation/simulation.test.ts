import { expect, test } from 'vitest'
import { isLong } from '../support/long.js'
import { simulate } from './simulation.js'
import { SITUATIONS, Situations } from './situations.js'

const SEEDS = isLong ? 3_000 : 1_000

test('[J5] [D2] [D3] [D4] whatever happens to eight clients of the SDK, each hears a snapshot or what it missed, then everything, once and in order', {
  timeout: 300_000,
}, async () => {
  const situations = new Situations(SITUATIONS)
  for (let seed = 1; seed <= SEEDS; seed++) {
    expect(await simulate(seed, situations), `npm run simulate -- --seeds 1 --seed ${seed}`).toEqual([])
  }
  console.log(`${SEEDS} simulations:\n${situations}`)
  expect(situations.missing).toEqual([])
})
