import { expect, test } from 'vitest'
import { settle } from './fake-clock.js'
import { MemoryFixture } from './memory-fixture.js'

test('[D9] every change of the bus is told to all sessions, and what is wrong to new ones behind welcome', async () => {
  const fixture = new MemoryFixture()
  const [ana, greeting] = [await fixture.signIn('ana'), fixture.connect()]
  fixture.live.setBusState('degraded')
  fixture.live.setBusState('degraded')
  expect(ana.take()).toEqual([{ type: 'status', bus: 'degraded' }])
  expect(greeting.received).toEqual([])
  const ben = fixture.connect()
  ben.send({ type: 'hello', token: fixture.token('ben') })
  await settle()
  expect(ben.take().map(({ type }) => type)).toEqual(['welcome', 'status'])
  fixture.live.setBusState('ok')
  for (const client of [ana, ben]) expect(client.take()).toEqual([{ type: 'status', bus: 'ok' }])
  await fixture.signIn('cleo').then((cleo) => expect(cleo.received).toEqual([]))
  expect([ana, ben].map(({ socket }) => socket.isOpen)).toEqual([true, true])
})
