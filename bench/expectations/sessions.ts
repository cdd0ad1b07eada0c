import { TokenAuthority } from '../../src/sessions/auth.js'
import { buildLive } from '../live/build.js'
import { Child } from '../live/child.js'
import type { LoadCommand, Opened } from '../live/load.js'
import { WARM_SESSIONS } from '../live/scenarios.js'
import type { Command, PeerName, Stats } from '../live/server.js'
import { SECRET } from '../live/tallyroom.js'
import { type Expectation, inTurn } from './expectation.js'

const MORE = 5_000
const ROOM = '0192f000-0000-7000-8000-000000000000'

/** Live sessions on either transport, as `npm run bench` measures them. */
export async function sessions(): Promise<Expectation[]> {
  buildLive()
  const authority = new TokenAuthority({ secret: SECRET })
  const tokens = await Promise.all(
    Array.from({ length: WARM_SESSIONS + MORE }, (_, no) =>
      authority.issueToken({
        user: { id: `user-${no}`, name: `user-${no}` },
        expiresAt: Date.now() + 3_600_000,
        projects: { '*': 'viewer' },
      }),
    ),
  )
  const measure = async (peer: PeerName) => {
    const server = new Child<Command>('server.js', [peer])
    const load = new Child<LoadCommand>('load.js', [])
    try {
      const ports = [await server.port]
      const open = (count: number) => load.ask<Opened>({ kind: 'open', peer, ports, sessions: count, rooms: [ROOM], tokens })
      await open(WARM_SESSIONS)
      const before = await server.ask<Stats>({ kind: 'stats' })
      await open(MORE)
      const after = await server.ask<Stats>({ kind: 'stats' })
      return { bytes: (after.rssBytes - before.rssBytes) / MORE }
    } finally {
      await load.end()
      await server.end()
    }
  }
  const { off, on } = await inTurn({ off: () => measure('tallyroom on ws'), on: () => measure('tallyroom on uws') })
  return [
    {
      figure: 'memory',
      promised: { kind: 'less', least: 0.2, most: 0.3 },
      unit: 'bytes',
      off: {
        what: `resident memory of an idle live session, of ${MORE.toLocaleString('en')} after the first ${WARM_SESSIONS.toLocaleString('en')}, on the transport \`ws\``,
        value: off.bytes,
      },
      on: { what: 'on the transport `uws`', value: on.bytes },
    },
  ]
}
