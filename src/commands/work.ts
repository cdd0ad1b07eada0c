import { runServer } from './start.js'

/** Jobs, whatever ROLE says. */
export function run(): Promise<number> {
  return runServer({ ...process.env, ROLE: 'work' })
}
