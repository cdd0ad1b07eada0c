import { describe, expect, test } from 'vitest'
import { type JobId, newId } from '../../src/ids.js'
import { Standstill } from '../../src/jobs/standstill.js'

describe('a standstill', () => {
  test('lasts from the look that saw the job as it still is; what moves or ends has none', () => {
    let now = 0
    const standstill = new Standstill(() => now)
    const [slow, fast] = [newId<JobId>(), newId<JobId>()]
    const look = (slowVersion: number, fastVersion: number) =>
      standstill.look([
        { id: slow, version: slowVersion },
        { id: fast, version: fastVersion },
      ])
    expect(standstill.look([])).toBe(0)
    expect(look(1, 1)).toBe(0)
    now = 10
    expect(look(1, 2)).toBe(10)
    now = 30
    expect(look(1, 3)).toBe(30)
    now = 40
    expect(look(2, 3)).toBe(10)
    expect(standstill.look([{ id: slow, version: 2 }])).toBe(0)
    expect(standstill.look([])).toBe(0)
  })
})
