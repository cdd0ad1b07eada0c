import { expect, test, vi } from 'vitest'
import { UsageError } from '../../src/errors.js'
import { loadUws } from '../../src/transport/uws-loader.js'

test('without uWebSockets.js the reason and the line that installs it are told, as for any bad setting', async () => {
  vi.doMock('uWebSockets.js', () => {
    throw new Error('no binary for this machine')
  })
  const refused = await loadUws().catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(UsageError)
  expect((refused as Error).message).toMatch(
    /^TRANSPORT=uws: uWebSockets\.js cannot be loaded: .+\ninstall it: npm install uNetworking\/uWebSockets\.js#v/,
  )
})
