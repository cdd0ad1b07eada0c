import { beforeEach, describe, expect, test } from 'vitest'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import { type Principal, TokenAuthority } from '../../src/sessions/auth.js'
import { isTicket, Tickets } from '../../src/sessions/tickets.js'

const NOW = 1_800_000_000_000
const HOUR_MS = 3_600_000
const ANA: Principal = {
  user: { id: 'ana', name: 'Ana' },
  admin: false,
  projects: { '*': 'analyst' },
  publish: ['p1'],
  expiresAt: NOW + HOUR_MS + 123,
  credential: null,
}

describe('a ticket', () => {
  let tokens: TokenAuthority
  let tickets: Tickets
  let bus: MemoryBus
  let signedIn: Set<string>

  const ticketsOver = (authority: TokenAuthority) =>
    new Tickets({
      tokens: authority,
      takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs),
      isSignedIn: async (credential) => signedIn.has(credential),
    })
  beforeEach(() => {
    tokens = new TokenAuthority({ secret: Buffer.alloc(32, 's') })
    bus = new MemoryBus()
    signedIn = new Set()
    tickets = ticketsOver(tokens)
  })

  test('[C2] carries the rights and the expiry of what made it, to another process too', async () => {
    for (const principal of [ANA, { ...ANA, admin: true, projects: {}, publish: '*' } as const]) {
      const { ticket } = await tickets.issue(principal, NOW)
      expect(isTicket(ticket)).toBe(true)
      const elsewhere = ticketsOver(new TokenAuthority({ secret: Buffer.alloc(32, 's') }))
      expect(await elsewhere.redeem(ticket, NOW)).toEqual(principal)
    }
  })

  test('[C2] is good for 30 seconds and not for one millisecond more', async () => {
    const [first, second] = [await tickets.issue(ANA, NOW), await tickets.issue(ANA, NOW)]
    expect(first.expiresAt).toBe(NOW + 30_000)
    await tickets.redeem(first.ticket, NOW + 29_999)
    await expect(tickets.redeem(second.ticket, NOW + 30_000)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  test('[C2] does not outlive what made it', async () => {
    const short = { ...ANA, expiresAt: NOW + 10_000 }
    const [first, second] = [await tickets.issue(short, NOW), await tickets.issue(short, NOW)]
    expect(first.expiresAt).toBe(NOW + 10_000)
    await tickets.redeem(first.ticket, NOW + 9_999)
    await expect(tickets.redeem(second.ticket, NOW + 10_000)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
  })

  test('[C2] is good once, also when it comes many times at once', async () => {
    const { ticket } = await tickets.issue(ANA)
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => tickets.redeem(ticket)))
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    await expect(tickets.redeem(ticket)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const { ticket: another } = await tickets.issue(ANA)
    expect((await tickets.redeem(another)).user).toEqual(ANA.user)
  })

  test('[C2] an expired or foreign one uses up nothing', async () => {
    const { ticket } = await tickets.issue(ANA, NOW)
    await expect(tickets.redeem(ticket, NOW + HOUR_MS)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
    await expect(tickets.redeem(`${ticket}x`, NOW)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect((await tickets.redeem(ticket, NOW)).user).toEqual(ANA.user)
  })

  test('[C2] of who has signed out meanwhile is void', async () => {
    const principal = { ...ANA, credential: 'cookie' }
    signedIn.add('cookie')
    const [first, second] = [await tickets.issue(principal, NOW), await tickets.issue(principal, NOW)]
    expect(await tickets.redeem(first.ticket, NOW)).toEqual(principal)
    signedIn.delete('cookie')
    await expect(tickets.redeem(second.ticket, NOW)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('[C2] is nothing else: no token, and no token, sign-in code or foreign signature is a ticket', async () => {
    const { ticket } = await tickets.issue(ANA)
    await expect(tokens.verifyToken(ticket)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const inside = ticket.slice('ticket_'.length)
    await expect(tokens.verifyToken(inside)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(tokens.verifySignInCode(inside)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const expiresAt = Date.now() + HOUR_MS
    const { ticket: foreign } = await ticketsOver(new TokenAuthority({ secret: Buffer.alloc(32, 'x') })).issue(ANA)
    for (const other of [
      await tokens.issueToken({ user: ANA.user, expiresAt }),
      await tokens.issueSignInCode({ id: 'a', user: ANA.user, expiresAt }),
      foreign.slice('ticket_'.length),
      'nonsense',
      '',
    ]) {
      await expect(tickets.redeem(`ticket_${other}`)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
      await expect(tickets.redeem(other)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    }
  })
})
