import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { RedisBus } from '../../src/bus/redis-bus.js'
import { newId } from '../../src/ids.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { Tickets } from '../../src/sessions/tickets.js'
import { TcpProxy } from '../support/proxy.js'

const ANA = {
  user: { id: 'ana', name: 'Ana' },
  admin: false,
  projects: {},
  publish: [],
  expiresAt: Date.now() + 3_600_000,
  credential: null,
}

describe('tickets of a fleet', () => {
  let wire: TcpProxy
  let buses: readonly RedisBus[]
  let one: Tickets
  let other: Tickets

  beforeEach(async () => {
    wire = await TcpProxy.open(process.env.TEST_REDIS_URL!)
    const prefix = `test-${newId()}`
    buses = [new RedisBus({ url: process.env.TEST_REDIS_URL!, prefix }), new RedisBus({ url: wire.url, prefix })]
    await Promise.all(buses.map((bus) => bus.start()))
    const [first, second] = buses.map(
      (bus) =>
        new Tickets({
          tokens: new TokenAuthority({ secret: Buffer.alloc(32, 's') }),
          takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs),
          isSignedIn: async () => true,
        }),
    )
    one = first!
    other = second!
  })
  afterEach(async () => {
    await Promise.all(buses.map((bus) => bus.stop()))
    await wire.pullOut()
  })

  test('[C2] one made by a process is good at another, and once among all, however many come at once', async () => {
    const { ticket } = await one.issue(ANA)
    expect(await other.redeem(ticket)).toEqual(ANA)
    await expect(one.redeem(ticket)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const { ticket: another } = await other.issue(ANA)
    const answers = await Promise.allSettled([one, other, one, other, one, other].map((tickets) => tickets.redeem(another)))
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('[C2] nobody is let in while nobody can say whether the ticket was used', async () => {
    const { ticket } = await other.issue(ANA)
    wire.turnAway()
    await expect.poll(() => other.redeem(ticket).catch((error) => error.code), { timeout: 5_000 }).toBe('BUS_UNAVAILABLE')
  })
})
