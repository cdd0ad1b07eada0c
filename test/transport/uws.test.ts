import { expect, test } from 'vitest'
import { UsageError } from '../../src/errors.js'
import { createUwsTransport } from '../../src/transport/uws.js'
import { loadUws } from '../../src/transport/uws-loader.js'
import { transportContract } from './transport-contract.js'

const uws = await loadUws()
const HOST = '127.0.0.1'

transportContract(
  'the transport on uWebSockets.js',
  (options) => {
    const transport = createUwsTransport({ ...options, uws, host: HOST, port: 0 })
    return { transport, port: () => transport.port }
  },
  // It takes the first four bytes for a mask and tells nobody.
  { unmasked: 'garbled' },
)

test('a port that another process has is told, not shared', async () => {
  const options = { uws, host: HOST, path: '/live', subprotocols: [], maxMessageBytes: 1_000 }
  const handler = {
    admit: () => null,
    onOpen: () => {
      throw new Error('nobody comes')
    },
  }
  const first = createUwsTransport({ ...options, port: 0 })
  first.start(handler)
  try {
    expect(() => createUwsTransport({ ...options, port: first.port }).start(handler)).toThrow(UsageError)
  } finally {
    await first.stop()
  }
})
