import { beforeEach, describe, expect, test } from 'vitest'
import { type Delivery, Probe } from '../../src/bus/probe.js'

describe('[D9] a probe that comes back is the proof of delivery', () => {
  let now: number
  let sent: { readonly no: number; readonly take: () => void; readonly fail: () => void }[]
  let told: Delivery[]
  let replaced: string[]
  let isConnected: boolean
  let probe: Probe

  beforeEach(() => {
    now = 1_000
    sent = []
    told = []
    replaced = []
    isConnected = true
    probe = new Probe({
      isConnected: () => isConnected,
      send: (no) => new Promise((resolve, reject) => void sent.push({ no, take: resolve, fail: () => reject(new Error('no answer')) })),
      replace: (connections) => void replaced.push(connections),
      onChange: (delivery) => void told.push(delivery),
      now: () => now,
    })
  })

  /** Half a second passes. */
  const round = async (count = 1) => {
    for (let at = 0; at < count; at++) {
      now += 500
      await settled()
      probe.tick()
    }
  }
  /** What was sent has been taken, or not. */
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve))
  const last = () => sent.at(-1)!

  test('one is on its way at a time, and its return is told by its age', async () => {
    probe.tick()
    await round(2)
    expect(sent).toHaveLength(1)
    expect(probe.ageMs).toBe(Number.POSITIVE_INFINITY)
    probe.returned(last().no)
    expect(probe.ageMs).toBe(0)
    await round()
    expect([probe.ageMs, sent.length]).toEqual([500, 2])
    expect(told).toEqual([])
  })

  test('an open connection that carries nothing is found within 3 s and replaced', async () => {
    probe.tick()
    probe.returned(last().no)
    const brokenAt = now
    while (told.length === 0) await round()
    expect(now - brokenAt).toBeLessThanOrEqual(3_000)
    expect([told, replaced]).toEqual([['unproven'], ['all']])
  })

  test('what the bus took and did not bring back is the fault of the subscriptions', async () => {
    probe.tick()
    for (let at = 0; at < 4; at++) {
      last().take()
      await round()
    }
    expect([told, replaced]).toEqual([['unproven'], ['subscriptions']])
  })

  test('what the bus took before it fell silent is the fault of both', async () => {
    probe.tick()
    last().take()
    await round(4)
    expect([told, replaced]).toEqual([['unproven'], ['all']])
  })

  test('a probe that cannot be sent is no proof and none is waited for', async () => {
    probe.tick()
    last().fail()
    await round()
    expect([told, replaced, sent.length]).toEqual([['unproven'], ['all'], 2])
  })

  test('after a loss only a probe counts that was sent after it, and none is sent without a way back', async () => {
    probe.tick()
    const before = last().no
    isConnected = false
    probe.lost()
    await round(20)
    expect([sent.length, told, replaced]).toEqual([1, ['unproven'], []])
    isConnected = true
    probe.sendNow()
    probe.returned(before)
    expect(told).toEqual(['unproven'])
    probe.returned(last().no)
    expect(told).toEqual(['unproven', 'proven'])
  })

  test('who stood still itself waits for what it has not read yet', async () => {
    probe.tick()
    now += 10_000
    probe.tick()
    expect(told).toEqual([])
    await round(4)
    expect(told).toEqual(['unproven'])
  })
})
