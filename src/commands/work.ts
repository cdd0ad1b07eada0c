import { runServer } from './start.js'

export const USAGE = `usage: tallyroom work
Jobs only, whatever ROLE says; needs DATABASE_URL and REDIS_URL.
Settings are environment variables: docs/configuration.md lists them.`

/** Jobs, whatever ROLE says. */
export function run(args: readonly string[]): Promise<number> {
  return runServer(args, { ...process.env, ROLE: 'work' })
}
