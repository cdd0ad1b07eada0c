/** A page in the background draws no frames; what it knows must not grow old meanwhile. */
const HIDDEN_MS = 1_000

/** Calls `draw` once, before the next picture; answers how to call it off. */
export function inFrame(draw: () => void): () => void {
  let isDone = false
  const run = () => {
    stop()
    if (isDone) return
    isDone = true
    draw()
  }
  const frame = requestAnimationFrame(run)
  const timer = setTimeout(run, HIDDEN_MS)
  const stop = () => {
    cancelAnimationFrame(frame)
    clearTimeout(timer)
  }
  return () => {
    isDone = true
    stop()
  }
}
