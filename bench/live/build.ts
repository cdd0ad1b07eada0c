import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('..', import.meta.url))

/** Compiles server and generator (see child.ts), and installs what we are compared with if it is not there. */
export function buildLive(): void {
  if (!existsSync(`${BENCH}node_modules/socket.io`))
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel', 'error'], {
      cwd: BENCH,
      stdio: 'inherit',
    })
  execFileSync(process.execPath, [`${BENCH}../node_modules/typescript/bin/tsc`, '-p', BENCH], { stdio: 'inherit' })
}
