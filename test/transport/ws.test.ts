import { createWsTransport } from '../../src/transport/ws.js'
import { transportContract } from './transport-contract.js'

transportContract('the transport on ws', createWsTransport)
