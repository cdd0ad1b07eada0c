import type { RecordView, Side } from '../protocol/views.js'
import { sign, subtract, sum } from './decimal.js'
import { Store } from './store.js'

/** What somebody has picked to match by hand; it stays while they look at other pages of the project. */
export interface Tray {
  readonly project: string
  readonly left: readonly RecordView[]
  readonly right: readonly RecordView[]
}

/** What both sides come to in one currency. */
export interface Residual {
  readonly currency: string | null
  readonly left: string
  readonly right: string
  /** left − right; null when a row has no amount. */
  readonly difference: string | null
}

export const tray = new Store<Tray>({ project: '', left: [], right: [] })

/** What is picked in this project. */
export function trayOf(project: string): Tray {
  return tray.value.project === project ? tray.value : { project, left: [], right: [] }
}

export function setPicked(record: RecordView, isPicked: boolean): void {
  const held = trayOf(record.project)
  const others = held[record.side].filter(({ id }) => id !== record.id)
  tray.set({ ...held, [record.side]: isPicked ? [...others, record] : others })
}

export function emptyTray(project: string): void {
  tray.set({ project, left: [], right: [] })
}

/** Per currency, in the order in which they were picked. */
export function residualsOf({ left, right }: Pick<Tray, Side>): readonly Residual[] {
  const currencies = [...new Set([...left, ...right].map(({ currency }) => currency))]
  return currencies.map((currency) => {
    const amounts = (records: readonly RecordView[]) => records.filter((record) => record.currency === currency).map(({ amount }) => amount)
    const totalOf = (of: readonly (string | null)[]) => sum(of.filter((amount) => amount !== null))
    const [lefts, rights] = [amounts(left), amounts(right)]
    const [leftTotal, rightTotal] = [totalOf(lefts), totalOf(rights)]
    const isKnown = ![...lefts, ...rights].includes(null)
    return { currency, left: leftTotal, right: rightTotal, difference: isKnown ? subtract(leftTotal, rightTotal) : null }
  })
}

/** left − right of two rows; null when an amount is missing, or when they are of two currencies: that is no amount of either. */
export function differenceOf(left: RecordView, right: RecordView): string | null {
  const [residual, ...others] = residualsOf({ left: [left], right: [right] })
  return others.length > 0 ? null : (residual?.difference ?? null)
}

/** Whether both sides come to the same in every currency. */
export function isBalanced(residuals: readonly Residual[]): boolean {
  return residuals.every(({ difference }) => difference !== null && sign(difference) === 0)
}
