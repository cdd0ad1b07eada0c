// Run inside the page.

/** `headingAt`: milliseconds from the beginning of the navigation until a heading was drawn. */
export const WATCH_HEADING = `new MutationObserver((_, observer) => {
  if (document.querySelector('main h1') === null) return
  observer.disconnect()
  requestAnimationFrame(() => { window.headingAt = performance.now() })
}).observe(document, { childList: true, subtree: true })`

/** Looks at every frame: is the whole height of the list covered by rows, by the line that says that more is being read, or by nothing? */
export const WATCH_ROWS = `{
  const seen = { frames: 0, blankFrames: 0, waitingFrames: 0, reached: 0, times: [] }
  const box = document.querySelector('.grid')
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    seen.times.push(now - last)
    last = now
    seen.frames++
    const { top, bottom } = box.getBoundingClientRect()
    const head = box.querySelector('thead').getBoundingClientRect().bottom
    const rows = [...box.querySelectorAll('[data-match]')]
    const more = box.querySelector('.grid__more')
    const first = rows[0].getBoundingClientRect().top
    const end = rows.at(-1).getBoundingClientRect().bottom
    seen.reached = Math.max(seen.reached, Number(rows.at(-1).getAttribute('aria-rowindex')) - 1)
    if (more !== null && more.getBoundingClientRect().top < bottom) seen.waitingFrames++
    else if (first > head + 1 || end < bottom - 1) seen.blankFrames++
    seen.frame = requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
  window.rowsSeen = () => {
    cancelAnimationFrame(seen.frame)
    const { frames, blankFrames, waitingFrames, reached, times } = seen
    return { frames, blankFrames, waitingFrames, reached, frameP95Ms: times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)] }
  }
}`

export const WATCH_DECISIONS = `{
  window.shownAt = new Map()
  const grid = document.querySelector('.grid')
  const height = grid.querySelector('[data-match]').getBoundingClientRect().height
  window.showPlace = (place) => { grid.scrollTop = place * height }
  new MutationObserver(() => {
    const now = []
    for (const row of document.querySelectorAll('[data-match][data-status="confirmed"]'))
      if (!window.shownAt.has(row.dataset.match)) now.push(row.dataset.match)
    if (now.length > 0) requestAnimationFrame(() => { for (const id of now) window.shownAt.set(id, Date.now()) })
  }).observe(grid, { subtree: true, childList: true, attributes: true })
}`
