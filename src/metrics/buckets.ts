/** Upper bounds of what people and processes wait for: from a tenth of a millisecond to ten seconds. */
export const SECONDS: readonly number[] = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Of answers over HTTP, with a series per route, method and status: fewer. */
export const HTTP_SECONDS: readonly number[] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** Of jobs: up to the two hours that one may take. */
export const JOB_SECONDS: readonly number[] = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1_800, 3_600, 7_200]
/** Things that go together. */
export const COUNTS: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500]
