/**
 * What a machine that runs other suites beside may add to a time that a rule names, in milliseconds. A test shows that something happens by itself and
 * soon; how soon is measured alone on the machine, by `npm run bench:fleet` and its like.
 */
export const BUSY_MS = 2_000
