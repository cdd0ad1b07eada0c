import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  advance,
  describe as describeLink,
  IDLE_LINK,
  type Link,
  type LinkInput,
  type LinkPhase,
  STABLE_MS,
} from '../../src/client/link.js'

const NOW = 1_000_000
const SESSION = { user: { id: 'ana', name: 'Ana' }, session: 's', bus: 'ok' } as const

const PHASES: Readonly<Record<LinkPhase['kind'], LinkPhase>> = {
  idle: { kind: 'idle' },
  connecting: { kind: 'connecting' },
  live: { kind: 'live', since: NOW - STABLE_MS },
  waiting: { kind: 'waiting', retryAt: NOW + 100 },
  closed: { kind: 'closed', code: 4500 },
}

const INPUTS = {
  open: { kind: 'open' },
  retry: { kind: 'retry' },
  welcome: { kind: 'welcome' },
  lost: { kind: 'ended', code: 1006 },
  stopped: { kind: 'ended', code: 4501 },
  close: { kind: 'close' },
} satisfies Record<string, LinkInput>

const EXPECTED: Readonly<Record<LinkPhase['kind'], Readonly<Record<keyof typeof INPUTS, LinkPhase['kind']>>>> = {
  idle: { open: 'connecting', retry: 'idle', welcome: 'idle', lost: 'idle', stopped: 'idle', close: 'idle' },
  connecting: { open: 'connecting', retry: 'connecting', welcome: 'live', lost: 'waiting', stopped: 'closed', close: 'idle' },
  live: { open: 'live', retry: 'live', welcome: 'live', lost: 'waiting', stopped: 'closed', close: 'idle' },
  waiting: { open: 'connecting', retry: 'connecting', welcome: 'waiting', lost: 'waiting', stopped: 'waiting', close: 'idle' },
  closed: { open: 'connecting', retry: 'closed', welcome: 'closed', lost: 'closed', stopped: 'closed', close: 'idle' },
}

const step = (link: Link, input: LinkInput, now = NOW, random = () => 0.5) => advance(link, input, now, random)

describe('the link', () => {
  test.each(Object.keys(PHASES) as LinkPhase['kind'][])('%s: every input leads where it should', (kind) => {
    const link = { ...IDLE_LINK, phase: PHASES[kind] }
    const found = Object.entries(INPUTS).map(([name, input]) => [name, step(link, input).phase.kind])
    expect(Object.fromEntries(found)).toEqual(EXPECTED[kind])
  })

  test('waits within bounds that double with each attempt that led to nothing, up to 20 s', () => {
    const codes = fc.array(
      fc.integer({ min: 1000, max: 4499 }).filter((code) => code !== 4005),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(codes, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (ends, chance) => {
        let link = step(IDLE_LINK, { kind: 'open' })
        for (const [attempt, code] of ends.entries()) {
          link = step(link, { kind: 'ended', code }, NOW, () => chance)
          const { phase } = link
          if (phase.kind !== 'waiting') throw new Error(`${code} led to ${phase.kind}`)
          const delayMs = phase.retryAt - NOW
          expect(delayMs).toBeGreaterThanOrEqual(0)
          expect(delayMs).toBeLessThan(Math.min(20_000, 1_000 * 2 ** attempt))
          link = step(link, { kind: 'retry' })
        }
      }),
    )
  })

  test('no code of 4500 to 4999 is tried again', () => {
    const live: Link = { ...IDLE_LINK, phase: PHASES.live }
    for (let code = 4500; code < 5000; code++) expect(step(live, { kind: 'ended', code }).phase).toEqual({ kind: 'closed', code })
  })

  test('a server that welcomes and breaks at once is not stormed; what lasted begins anew', () => {
    const last = (link: Link) => (link.phase.kind === 'waiting' ? link.phase.retryAt - NOW : null)
    let link = step(IDLE_LINK, { kind: 'open' })
    const delays: (number | null)[] = []
    for (let round = 0; round < 4; round++) {
      link = step(step(link, { kind: 'welcome' }), { kind: 'ended', code: 4003 }, NOW, () => 0.999)
      delays.push(last(link))
      link = step(link, { kind: 'retry' })
    }
    expect(delays).toEqual([999, 1_998, 3_996, 7_992])
    link = step(link, { kind: 'welcome' }, NOW - STABLE_MS)
    expect(last(step(link, { kind: 'ended', code: 4003 }, NOW, () => 0.999))).toBe(999)
  })

  test('[C9] an expired token is tried once more, and after a welcome once again', () => {
    const expired: LinkInput = { kind: 'ended', code: 4005 }
    const live: Link = { ...IDLE_LINK, phase: PHASES.live }
    const once = step(step(live, expired), { kind: 'retry' })
    expect(once.phase.kind).toBe('connecting')
    expect(step(once, expired).phase).toEqual({ kind: 'closed', code: 4005 })
    const refreshed = step(once, { kind: 'welcome' })
    expect(step(refreshed, expired).phase.kind).toBe('waiting')
  })

  test('a loss is silent for 2 s, then told as of when it began', () => {
    const lost = step({ ...IDLE_LINK, phase: PHASES.live }, INPUTS.lost)
    expect(describeLink(lost, SESSION, NOW + 1_999)).toBeNull()
    expect(describeLink(lost, SESSION, NOW + 2_000)).toEqual({ kind: 'reconnecting', lostAt: NOW })
    const again = step(step(lost, { kind: 'retry' }), INPUTS.lost, NOW + 5_000)
    expect(describeLink(again, SESSION, NOW + 5_000)).toEqual({ kind: 'reconnecting', lostAt: NOW })
  })
})
