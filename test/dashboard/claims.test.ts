import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ClaimHolder } from '../../src/dashboard/claims.js'
import type { Claim } from '../../src/protocol/events.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A room of two: `ben` is the other one. */
class Claims {
  readonly claims = new Map<string, Claim>()
  /** What the server was told. */
  readonly told: string[] = []

  async claim(target: string): Promise<string> {
    this.told.push(`claim ${target}`)
    if (this.claims.get(target)?.user.id === 'ben') throw new Error('claimed')
    this.take(target, 'ana')
    return 'soon'
  }

  async release(target: string): Promise<void> {
    this.told.push(`release ${target}`)
    this.claims.delete(target)
  }

  take(target: string, user: string): void {
    this.claims.set(target, { user: { id: user, name: user }, until: 'soon' })
  }
}

test('what is opened and stays open is claimed, extended and released', async () => {
  const room = new Claims()
  const holder = new ClaimHolder(room, 'ana')
  holder.hold('match/1')
  holder.hold('match/2')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(room.told, 'what was passed is not').toEqual(['claim match/2'])
  await vi.advanceTimersByTimeAsync(20_000)
  expect(room.told).toEqual(['claim match/2', 'claim match/2'])
  holder.hold(null)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(room.told.slice(2)).toEqual(['release match/2'])
})

test('what somebody else is on is claimed when they leave it', async () => {
  const room = new Claims()
  room.take('match/1', 'ben')
  const holder = new ClaimHolder(room, 'ana')
  holder.hold('match/1')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(room.told).toEqual([])
  room.claims.delete('match/1')
  holder.review()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(room.told).toEqual(['claim match/1'])
})

test('what was left while the answer was on its way is released', async () => {
  const room = new Claims()
  const holder = new ClaimHolder(room, 'ana')
  holder.hold('match/1')
  vi.advanceTimersByTime(300)
  holder.hold(null)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(room.told).toEqual(['claim match/1', 'release match/1'])
})
