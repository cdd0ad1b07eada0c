/** What the promise says, if it does in time. @throws Error when it does not, else what it throws. */
export function within<Value>(ms: number, promise: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    // After a turn that took long the answer has arrived, but timers are served first: it gets one turn more.
    const timer = setTimeout(() => setImmediate(() => reject(new Error(`no answer within ${ms} ms`))), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
