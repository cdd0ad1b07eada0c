// `npm run bench`: live sessions on both transports beside what they are built on and beside Socket.IO; writes docs/results/bench.md.
// `npm run bench -- "raw ws" "tallyroom on ws"` measures these alone, and prints instead of writing.
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { TokenAuthority } from '../src/sessions/auth.js'
import { buildLive } from './live/build.js'
import { pageOf } from './live/page.js'
import { type BesideSlow, BIG_ROOM, type Measured, measureBesideSlow, measurePeer } from './live/scenarios.js'
import { PEERS } from './live/server.js'
import { SECRET } from './live/tallyroom.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const DAY_MS = 86_400_000

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !PEERS.some((peer) => peer === name))
if (unknown.length > 0) {
  console.error(`no such peer: ${unknown.join(', ')}; there are ${PEERS.join(', ')}`)
  process.exit(2)
}
buildLive()
const startedAt = performance.now()
const loadAtStart = loadavg()[0]!
const authority = new TokenAuthority({ secret: SECRET })
const tokens = await Promise.all(
  Array.from({ length: BIG_ROOM.sessions }, (_, index) => {
    const id = `user-${index}`
    return authority.issueToken({ user: { id, name: id }, expiresAt: Date.now() + DAY_MS, projects: { '*': 'viewer' } })
  }),
)
const measured: Measured[] = []
const besideSlow: BesideSlow[] = []
for (const peer of PEERS.filter((name) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`${peer} …`)
  measured.push(await measurePeer(peer, tokens))
  if (peer.startsWith('tallyroom')) besideSlow.push(await measureBesideSlow(peer, tokens))
}
const page = pageOf({ measured, besideSlow, loadAtStart, seconds: (performance.now() - startedAt) / 1_000 })
if (wanted.length > 0) console.log(page)
else {
  mkdirSync(`${HERE}../docs/results`, { recursive: true })
  writeFileSync(`${HERE}../docs/results/bench.md`, page)
  console.log('docs/results/bench.md is written')
}
