// Writes the Prisma client from prisma/schema.prisma to src/db/generated, when it is missing or older. Nothing is downloaded.
import { execFileSync } from 'node:child_process'
import { rmSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isStale } from './stale.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CLIENT = join(ROOT, 'src/db/generated/client.ts')

export function generate() {
  const require = createRequire(import.meta.url)
  const cli = require.resolve('prisma/package.json')
  if (!isStale(CLIENT, [join(ROOT, 'prisma/schema.prisma'), cli])) return
  rmSync(dirname(CLIENT), { recursive: true, force: true })
  execFileSync(process.execPath, [join(dirname(cli), 'build/index.js'), 'generate'], {
    cwd: ROOT,
    // What it says goes along with the error when it fails.
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...process.env,
      // `generate` does not use the schema engine but downloads it, unless this names an executable. Set for this call only: with it
      // `migrate deploy` would "succeed" without doing anything.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
  })
  const now = new Date()
  utimesSync(CLIENT, now, now)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate()
