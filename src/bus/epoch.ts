import { randomBytes } from 'node:crypto'

/** A name for a new history of a project: 16 of `[0-9a-f]`. */
export function newEpoch(): string {
  return randomBytes(8).toString('hex')
}
