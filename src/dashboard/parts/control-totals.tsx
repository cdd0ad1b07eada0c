import type { ControlTotal } from '../../protocol/views.js'
import { sign, subtract } from '../decimal.js'
import { currencyName, formatAmount, formatDifference } from '../format.js'
import { TableScroll } from './table-scroll.js'

const STATES = [
  ['total', 'Total'],
  ['matched', 'Matched'],
  ['open', 'Open'],
  ['excluded', 'Excluded'],
] as const

/** What a job came to per currency, left beside right. */
export function ControlTotals({ totals }: { readonly totals: readonly ControlTotal[] }) {
  const currencies = [...new Set(totals.map(({ currency }) => currency))]
  return (
    <TableScroll label="Control totals">
      <table class="table totals">
        <caption>Control totals</caption>
        <thead>
          <tr>
            <td />
            <th scope="col" class="num">
              <span class="side side--left">left</span>
            </th>
            <th scope="col" class="num">
              <span class="side side--right">right</span>
            </th>
            <th scope="col" class="num">
              Difference
            </th>
          </tr>
        </thead>
        {currencies.map((currency) => (
          <Currency key={currency} currency={currency} totals={totals.filter((total) => total.currency === currency)} />
        ))}
      </table>
    </TableScroll>
  )
}

function Currency({ currency, totals }: { readonly currency: string; readonly totals: readonly ControlTotal[] }) {
  const left = totals.find(({ side }) => side === 'left')
  const right = totals.find(({ side }) => side === 'right')
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={4}>
          {currencyName(currency)}
        </th>
      </tr>
      {STATES.map(([state, name]) => {
        const [lefts, rights] = [left?.[state] ?? '0', right?.[state] ?? '0']
        // Rows are hardly ever excluded.
        if (state === 'excluded' && sign(lefts) === 0 && sign(rights) === 0) return null
        return (
          <tr key={state}>
            <th scope="row">{name}</th>
            <td class="num">{formatAmount(lefts, currency)}</td>
            <td class="num">{formatAmount(rights, currency)}</td>
            <td class="num">
              <strong>{formatDifference(subtract(lefts, rights), currency)}</strong>
            </td>
          </tr>
        )
      })}
    </tbody>
  )
}
