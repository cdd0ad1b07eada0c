import { createHash } from 'node:crypto'

/** A match by what does not depend on the run: the records' business keys, the rule, the confidence. */
export interface ResultKey {
  readonly left: string
  readonly right: string
  readonly rule: string
  readonly confidence: string
}

/** Hash over what a job matched: equal for any number of chunks or workers and any order of rows. */
export function resultHash(keys: readonly ResultKey[]): string {
  const lines = keys.map(({ left, right, rule, confidence }) => JSON.stringify([left, right, rule, confidence]))
  // By UTF-16 code units: no locale has a say.
  lines.sort()
  const hash = createHash('sha256')
  for (const line of lines) hash.update(line).update('\n')
  return hash.digest('hex')
}
