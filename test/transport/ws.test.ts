import { createWsTransport } from '../../src/transport/ws.js'
import { transportContract } from './transport-contract.js'

transportContract('the transport on ws', (options) => ({ transport: createWsTransport(options), port: null }), { unmasked: 'refused' })
