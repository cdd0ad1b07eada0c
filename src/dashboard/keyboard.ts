import { useEffect, useRef } from 'preact/hooks'
import { Store } from './store.js'

/** What a key does; false: nothing now, the browser may have it. */
export type Keys = Readonly<Record<string, ((event: KeyboardEvent) => unknown) | undefined>>

const STORED_AS = 'tallyroom.letters'
/** How long the first key of `g b` waits for the second. */
const CHORD_MS = 1_500

/**
 * Whether single characters are shortcuts. They can be switched off, because dictation and a cat type them too (WCAG 2.1.4); Enter,
 * arrows and Escape stay.
 */
export const hasLetters = new Store<boolean>(localStorage.getItem(STORED_AS) !== 'off')

export function setLetters(isOn: boolean): void {
  localStorage.setItem(STORED_AS, isOn ? 'on' : 'off')
  hasLetters.set(isOn)
}

/** Of what is drawn now, the newest last: it is asked first. */
const layers: { current: Keys }[] = []
let chord: { readonly key: string; readonly until: number } | null = null

/** Keys of a page or part while it is drawn; `g b` is a name too. */
export function useKeys(keys: Keys): void {
  const layer = useRef(keys)
  layer.current = keys
  useEffect(() => {
    layers.push(layer)
    return () => {
      layers.splice(layers.indexOf(layer), 1)
    }
  }, [])
}

/** Listens from now on, once for the whole page. */
export function followKeyboard(): void {
  addEventListener('keydown', handleKey)
}

function handleKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return
  const isTyping = event.target.closest('input:not([type="checkbox"]), select, textarea, [contenteditable]') !== null
  if (isTyping || event.target.closest('dialog') !== null) return
  // Enter and Space on a button or link mean that button or link.
  if ((event.key === 'Enter' || event.key === ' ') && event.target.closest('button, a, summary, input') !== null) return
  if (event.key.length === 1 && !hasLetters.value) return
  const before = chord !== null && chord.until > event.timeStamp ? `${chord.key} ` : ''
  chord = null
  const name = `${before}${event.key}`
  for (const { current } of layers.toReversed()) {
    const act = current[name]
    if (act === undefined) continue
    if (act(event) === false) return
    event.preventDefault()
    return
  }
  const begins = before === '' && layers.some(({ current }) => Object.keys(current).some((known) => known.startsWith(`${event.key} `)))
  if (begins) chord = { key: event.key, until: event.timeStamp + CHORD_MS }
}
