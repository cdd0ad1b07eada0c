import { runServer } from './start.js'

export const USAGE = `usage: tallyroom serve
HTTP and live sessions only, whatever ROLE says; needs DATABASE_URL and REDIS_URL.
Settings are environment variables: docs/configuration.md lists them.`

/** HTTP and live sessions, whatever ROLE says. */
export function run(args: readonly string[]): Promise<number> {
  return runServer(args, { ...process.env, ROLE: 'serve' })
}
