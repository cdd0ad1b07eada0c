import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DATABASES, type TestDatabase } from '../db/test-databases.js'
import { expectProblem, HttpFixture } from './http-fixture.js'

interface TicketBody {
  readonly ticket: string
  readonly expiresAt: string
}

describe('tickets', () => {
  let database: TestDatabase
  let http: HttpFixture

  beforeAll(async () => {
    database = await DATABASES[0].create()
    http = await HttpFixture.open(database.db)
  })
  afterAll(async () => {
    await http.close()
    await database.close()
  })

  const ask = (token: string | null, headers: Record<string, string> = {}) =>
    http.call<TicketBody>('POST', '/v1/tickets', { token, headers })

  test('[C2] a token makes one that lives 30 s and carries what the token says', async () => {
    const expiresAt = Math.floor(Date.now() / 1000 + 600) * 1000
    const before = Date.now()
    const { status, headers, body } = await ask(await http.token('ana', { projects: { '*': 'approver' }, publish: '*', expiresAt }))
    expect(status).toBe(201)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({ ticket: expect.any(String), expiresAt: expect.stringMatching(/^\d{4}-.+\.000Z$/) })
    expect(Date.parse(body.expiresAt)).toBeGreaterThan(before + 28_999)
    expect(Date.parse(body.expiresAt)).toBeLessThanOrEqual(Date.now() + 30_000)
    expect(await http.tickets.redeem(body.ticket)).toEqual({
      user: { id: 'ana', name: 'Ana' },
      admin: false,
      projects: { '*': 'approver' },
      publish: '*',
      expiresAt,
      credential: null,
    })
    await expect(http.tickets.redeem(body.ticket)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('[C2] the dashboard makes one from a page of ours; signing out voids it', async () => {
    const cookie = await http.signIn('ben')
    expectProblem(await http.call('POST', '/v1/tickets', { headers: { cookie } }), 403, 'ORIGIN_FORBIDDEN')
    const [first, second] = [await ask(null, { cookie, origin: http.origin }), await ask(null, { cookie, origin: http.origin })]
    const principal = await http.tickets.redeem(first.body.ticket)
    expect(principal).toMatchObject({ user: { id: 'ben', name: 'Ben' }, credential: expect.any(String) })
    await http.call('DELETE', '/v1/sessions/current', { headers: { cookie, origin: http.origin } })
    expect(http.woken).toContain(`close ${principal.credential}`)
    await expect(http.tickets.redeem(second.body.ticket)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('[C2] nobody makes one for nobody, or of another ticket, which opens no other door either', async () => {
    expectProblem(await http.call('POST', '/v1/tickets'), 401, 'UNAUTHENTICATED')
    expectProblem(
      await http.call('POST', '/v1/tickets', { token: await http.token('ana', { expiresAt: Date.now() - 2_000 }) }),
      401,
      'TOKEN_EXPIRED',
    )
    const { ticket } = (await ask(await http.token('ana', { admin: true }))).body
    for (const bearer of [ticket, ticket.slice('ticket_'.length)]) {
      expectProblem(await http.call('POST', '/v1/tickets', { token: bearer }), 401, 'UNAUTHENTICATED')
      expectProblem(await http.call('GET', '/v1/me', { token: bearer }), 401, 'UNAUTHENTICATED')
      expectProblem(await http.call('POST', '/v1/sessions', { body: { code: bearer } }), 401, 'UNAUTHENTICATED')
    }
    expect((await http.tickets.redeem(ticket)).user.id).toBe('ana')
  })
})
