import { runServer } from './start.js'

/** HTTP and live sessions, whatever ROLE says. */
export function run(): Promise<number> {
  return runServer({ ...process.env, ROLE: 'serve' })
}
