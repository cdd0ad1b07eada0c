import { useEffect, useState } from 'preact/hooks'

/** Too narrow for a list beside its detail; the same limit as in the styles. */
export const NARROW = '(max-width: 860px)'

/** Whether the media query holds now. */
export function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const read = () => setHolds(list.matches)
    read()
    list.addEventListener('change', read)
    return () => list.removeEventListener('change', read)
  }, [query])
  return holds
}
