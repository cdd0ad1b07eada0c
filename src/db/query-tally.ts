import { AsyncLocalStorage } from 'node:async_hooks'

/** What one request has asked of the database. */
export interface QueryTally {
  /** Statements that were answered or refused. */
  count: number
  /** Milliseconds that they took, waiting for connections included; of parallel ones the sum. */
  ms: number
}

const current = new AsyncLocalStorage<QueryTally>()

/** Runs `work`; what it and everything that it starts asks of a database is added to `tally`. */
export function tallied<Result>(tally: QueryTally, work: () => Result): Result {
  return current.run(tally, work)
}

/** The tally of the request that runs now, if any; to be taken before the first `await`. */
export function currentTally(): QueryTally | undefined {
  return current.getStore()
}
