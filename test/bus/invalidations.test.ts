import { expect, test } from 'vitest'
import { tagsOf } from '../../src/bus/invalidations.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { EVENT_TYPES } from '../../src/protocol/events.js'
import { invalidationsContract } from './invalidations-contract.js'

invalidationsContract('what is stale, told over the bus in memory', async () => ({ bus: new MemoryBus(), stop: async () => undefined }))

test("[§6] each of the server's events makes something stale, what services publish nothing", () => {
  for (const type of EVENT_TYPES) expect(tagsOf([type]).size, type).toBeGreaterThan(0)
  expect(tagsOf(['order.paid', 'toString'])).toEqual(new Set())
  expect(tagsOf(['match.decided', 'break.changed', 'match.removed'])).toEqual(new Set(['records', 'matches', 'breaks']))
})
