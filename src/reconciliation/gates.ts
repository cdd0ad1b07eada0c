import { subtract } from '../money.js'
import type { MatchExplanation } from '../protocol/views.js'
import type { Bands } from './amount-ranks.js'
import { formatDay } from './civil-day.js'
import type { AmountGate, DateGate, Pass, Tolerance } from './rules.js'
import type { Sides } from './sides.js'

/** The hard limits of a pass, compiled for the two sides. Amounts of two currencies never pass, even where no gate names the amount. */
export class Gates {
  readonly #sides: Sides
  readonly amount: AmountGate | undefined
  readonly #bands: Bands | undefined
  readonly date: DateGate | undefined

  constructor(pass: Pass, sides: Sides) {
    this.#sides = sides
    this.amount = pass.gates.find((gate) => gate.field === 'amount')
    this.date = pass.gates.find((gate) => gate.field === 'date')
    this.#bands = this.amount && sides.ranks.bands(this.amount, 'left')
  }

  passes(left: number, right: number): boolean {
    return this.passesAmount(left, right) && this.passesDate(left, right)
  }

  passesAmount(left: number, right: number): boolean {
    const { ranks } = this.#sides
    const [one, other] = [ranks.left[left]!, ranks.right[right]!]
    if (this.#bands === undefined) return true
    return one >= 0 && other >= this.#bands.from[one]! && other <= this.#bands.to[one]!
  }

  passesDate(left: number, right: number): boolean {
    if (this.date === undefined) return true
    const [one, other] = [this.#sides.left.day(left), this.#sides.right.day(right)]
    if (one === null || other === null) return this.date.missing === 'pass'
    const apart = other - one
    return apart >= this.date.from && apart <= this.date.to
  }

  /** What both records met, for people. */
  explain(left: number, right: number): MatchExplanation['gates'] {
    const { left: one, right: other } = this.#sides
    const gates: MatchExplanation['gates'][number][] = []
    const amounts = { left: one.amount(left), right: other.amount(right) }
    if (this.amount && amounts.left !== null && amounts.right !== null)
      gates.push({ field: 'amount', ...amounts, difference: subtract(amounts.left, amounts.right), allowed: allowedAmount(this.amount) })
    const days = { left: one.day(left), right: other.day(right) }
    if (this.date)
      gates.push({
        field: 'date',
        left: days.left === null ? null : formatDay(days.left),
        right: days.right === null ? null : formatDay(days.right),
        difference: days.left === null || days.right === null ? null : countDays(days.right - days.left),
        allowed: `${this.date.from} to ${this.date.to} days`,
      })
    return gates
  }
}

export function countDays(days: number): string {
  return `${days} ${days === 1 || days === -1 ? 'day' : 'days'}`
}

function allowedAmount(gate: AmountGate): string {
  const [less, more] = [describe(gate.less), describe(gate.more)]
  if (less === more) return less === '0' ? 'equal' : `±${less}`
  return `right −${less} to +${more}`
}

function describe({ abs, bps, of }: Tolerance): string {
  const share = `${bps / 100} % of the ${{ left: 'left', right: 'right', max: 'larger', min: 'smaller' }[of]}`
  if (bps === 0) return abs
  return abs === '0' ? share : `${abs} or ${share}`
}
