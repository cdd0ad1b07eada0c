// The engine weighs in bits; people read words. A bit makes a match twice as likely.

import { formatSigns } from './format.js'

/** From so many bits on a comparison is called so; the last one is for all that is less. */
const WORDS = [
  [6, 'Strong sign'],
  [3, 'Good sign'],
  [1, 'Weak sign'],
  [-1, 'Says little'],
  [-3, 'Weak doubt'],
  [-6, 'Doubt'],
  [Number.NEGATIVE_INFINITY, 'Strong doubt'],
] as const

/** What a comparison that adds this many bits (decimal text) comes to. */
export function evidenceWord(bits: string): string {
  return WORDS.find(([least]) => Number(bits) >= least)![1]
}

const MAX_TIMES = 1_000

/** How far a match is ahead of the next best one, from the bits (decimal text) between them. */
export function aheadWord(bits: string): string {
  const times = 2 ** Number(bits)
  if (times < 1) return 'another one is likelier'
  if (times < 1.5) return 'the next best is as likely'
  if (times > MAX_TIMES) return `this one is more than ${new Intl.NumberFormat().format(MAX_TIMES)} times as likely as the next best`
  return `this one is about ${new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 }).format(times)} times as likely as the next best`
}

/** How often such an amount comes up, by how often the engine expects two that are equal by chance. */
const AMOUNTS: Readonly<Record<string, string>> = {
  'hardly ever': 'a rare amount',
  seldom: 'an uncommon amount',
  sometimes: 'an amount that comes up now and then',
  often: 'a common amount',
  mostly: 'a very common amount',
}

/** Up to so many bits texts are said to have this in common. */
const SHARED = [
  [6, 'a little'],
  [14, 'much'],
] as const

/** What was compared, without the engine's measures: "4 to 6 bits shared, some against" is "a little in common, some differs". */
export function levelWords(level: string): string {
  const equal = /^equal, (.+) by chance$/.exec(level)?.[1]
  if (equal !== undefined) return `equal, ${AMOUNTS[equal] ?? equal}`
  const texts = /^(nothing|(over )?(?:\d+ to )?(\d+) bits) shared, (\w+) against$/.exec(level)
  if (texts === null) return formatSigns(level)
  const [, all, over, bits, against] = texts
  const known = over === undefined ? SHARED.find(([most]) => Number(bits) <= most)?.[1] : undefined
  return `${all === 'nothing' ? all : (known ?? 'very much')} in common, ${against} differs`
}
