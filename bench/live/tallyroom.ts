import { createServer } from 'node:http'
import type { BusItem } from '../../src/bus/bus.js'
import { MemoryBus } from '../../src/bus/memory-bus.js'
import type { ProjectId } from '../../src/ids.js'
import { createLog } from '../../src/log.js'
import { MAX_CLIENT_FRAME_BYTES } from '../../src/protocol/messages.js'
import { JSON_SUBPROTOCOL, LIVE_PATH, MSGPACK_SUBPROTOCOL } from '../../src/protocol/version.js'
import type { Snapshot } from '../../src/protocol/views.js'
import { TokenAuthority } from '../../src/sessions/auth.js'
import { LiveServer } from '../../src/sessions/live-server.js'
import { Tickets } from '../../src/sessions/tickets.js'
import { createUwsTransport } from '../../src/transport/uws.js'
import { loadUws } from '../../src/transport/uws-loader.js'
import { createWsTransport } from '../../src/transport/ws.js'
import type { Peer } from './server.js'

/** Of the tokens that the bench signs. */
export const SECRET = Buffer.alloc(32, 's')

/** Our sessions as `app.ts` builds them, full protocol, over the bus in memory; memberships come with the token, and no database is asked. */
export async function tallyroom(transport: 'ws' | 'uws'): Promise<Peer> {
  const bus = new MemoryBus()
  await bus.start()
  const tokens = new TokenAuthority({ secret: SECRET })
  const server = createServer()
  const wire = { path: LIVE_PATH, subprotocols: [JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL], maxMessageBytes: MAX_CLIENT_FRAME_BYTES }
  const own = transport === 'uws' ? createUwsTransport({ ...wire, uws: await loadUws(), host: '127.0.0.1', port: 0 }) : null
  const live = new LiveServer({
    bus,
    transport: own ?? createWsTransport({ ...wire, server }),
    log: createLog('warn'),
    node: 'bench',
    tokens,
    tickets: new Tickets({ tokens, takeOnce: (name, ttlMs) => bus.takeOnce(name, ttlMs), isSignedIn: async () => true }),
    cookie: async () => null,
    publish: async () => {
      throw new Error('nobody publishes by a session here')
    },
    membership: async ({ projects }) => projects['*'] ?? null,
    roster: async () => new Map(),
    snapshot: async (project) => snapshotOf(project),
    isOriginAllowed: () => false,
    maxSessionsPerUser: 0,
  })
  live.start()
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  return {
    port: own?.port ?? (server.address() as { port: number }).port,
    publish(room, texts) {
      const items = texts.map((text): BusItem => ({ kind: 'event', type: 'bench.event', body: `{"actor":null,"data":${text}}` }))
      // A bus in memory has taken them when this returns.
      void bus.publish(room as ProjectId, items)
    },
  }
}

function snapshotOf(project: string): Snapshot {
  return {
    project: { id: project, name: 'Bench', currency: null, settings: {}, createdAt: '2026-01-01T00:00:00.000Z', version: 1 },
    summary: { revision: 1, totals: [], controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 },
    jobs: [],
  }
}
