// Exact arithmetic on decimal text: figures come as text and stay text, so no money ever becomes a float.

interface Scaled {
  readonly units: bigint
  readonly scale: number
}

/** `left − right`, with as many decimals as the longer of both has. */
export function subtract(left: string, right: string): string {
  const [a, b] = [parse(left), parse(right)]
  const scale = Math.max(a.scale, b.scale)
  return format({ units: atScale(a, scale) - atScale(b, scale), scale })
}

/** The sum, with as many decimals as the longest has; "0" of nothing. */
export function sum(values: readonly string[]): string {
  const parsed = values.map(parse)
  const scale = Math.max(0, ...parsed.map((value) => value.scale))
  return format({ units: parsed.reduce((total, value) => total + atScale(value, scale), 0n), scale })
}

/** -1, 0 or 1. */
export function sign(value: string): -1 | 0 | 1 {
  const { units } = parse(value)
  return units === 0n ? 0 : units < 0n ? -1 : 1
}

/** Whether both are the same number, however many decimals they are written with. */
export function isEqual(left: string, right: string): boolean {
  return sign(subtract(left, right)) === 0
}

function parse(text: string): Scaled {
  const match = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (match === null) throw new TypeError(`not a decimal: ${text}`)
  const decimals = match[3] ?? ''
  const units = BigInt(`${match[2]}${decimals}`)
  return { units: match[1] === '-' ? -units : units, scale: decimals.length }
}

function atScale({ units, scale }: Scaled, wanted: number): bigint {
  return units * 10n ** BigInt(wanted - scale)
}

function format({ units, scale }: Scaled): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return units < 0n ? `-${text}` : text
}
