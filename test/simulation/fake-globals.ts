import type { FakeClock } from '../sessions/fake-clock.js'
import type { Random } from './random.js'

type Cancel = () => void

/** What asks for the time, waits or tosses a coin without being given a clock does so by this one, until the answered function is called. */
export function fakeGlobals(clock: FakeClock, random: Random): () => void {
  const cancels = new Map<number, Cancel>()
  let no = 0
  const start = (delayMs: number, callback: () => void, isRepeated: boolean) => {
    const id = ++no
    const again = () => {
      cancels.set(
        id,
        clock.after(delayMs, () => {
          if (isRepeated) again()
          else cancels.delete(id)
          callback()
        }),
      )
    }
    again()
    return id
  }
  const stop = (id: number | null | undefined) => {
    if (typeof id !== 'number') return
    cancels.get(id)?.()
    cancels.delete(id)
  }
  const fakes = {
    setTimeout: (callback: () => void, delayMs = 0) => start(delayMs, callback, false),
    setInterval: (callback: () => void, delayMs = 0) => start(delayMs, callback, true),
    setImmediate: (callback: () => void) => start(0, callback, false),
    clearTimeout: stop,
    clearInterval: stop,
    clearImmediate: stop,
  }
  const before = Object.fromEntries(Object.keys(fakes).map((name) => [name, Reflect.get(globalThis, name)]))
  const { now: dateNow } = Date
  const { now: performanceNow } = performance
  const { random: mathRandom } = Math
  Object.assign(globalThis, fakes)
  Date.now = () => clock.today()
  performance.now = () => clock.now()
  Math.random = () => random.next()
  return () => {
    Object.assign(globalThis, before)
    Date.now = dateNow
    performance.now = performanceNow
    Math.random = mathRandom
  }
}
