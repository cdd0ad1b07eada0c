import { sign } from '../decimal.js'
import { currencyName, formatAmount, formatDifference } from '../format.js'
import type { Equation } from '../totals.js'
import { TableScroll } from './table-scroll.js'

/**
 * `left − right = difference`, exact to the last unit: the first currency large, the others as a table. What is still being compared is
 * not split yet.
 */
export function EquationCard({ equations, isSplit }: { readonly equations: readonly Equation[]; readonly isSplit: boolean }) {
  const [first, ...others] = equations
  return (
    <section class="card equation" aria-label="Control totals">
      {first !== undefined && <EquationRow equation={first} isSplit={isSplit} />}
      {others.length > 0 && <OtherCurrencies equations={others} isSplit={isSplit} />}
    </section>
  )
}

function OtherCurrencies({ equations, isSplit }: { readonly equations: readonly Equation[]; readonly isSplit: boolean }) {
  return (
    <TableScroll label="Other currencies">
      <table class="table equation__others">
        <thead>
          <tr>
            <th scope="col">Currency</th>
            <th scope="col" class="num">
              Left
            </th>
            <th scope="col" class="num">
              Right
            </th>
            <th scope="col" class="num">
              Difference
            </th>
            {isSplit && (
              <th scope="col" class="num hide-narrow">
                Explained
              </th>
            )}
            {isSplit && (
              <th scope="col" class="num hide-narrow">
                Unexplained
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {equations.map(({ currency, left, right, difference, explained, unexplained }) => (
            <tr key={currency}>
              <th scope="row">{currencyName(currency)}</th>
              <td class="num">{formatAmount(left, currency)}</td>
              <td class="num">{formatAmount(right, currency)}</td>
              <td class="num">
                <strong>{formatDifference(difference, currency)}</strong>
              </td>
              {isSplit && <td class="num hide-narrow">{formatDifference(explained, currency)}</td>}
              {isSplit && <td class="num hide-narrow">{formatDifference(unexplained, currency)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </TableScroll>
  )
}

function EquationRow({ equation, isSplit }: { readonly equation: Equation; readonly isSplit: boolean }) {
  const { currency, left, right, difference, explained, unexplained } = equation
  const isEven = sign(difference) === 0
  return (
    <div class="equation__row">
      <div class="equation__terms">
        <dl class="equation__term">
          <dt>Left total</dt>
          <dd>{formatAmount(left, currency)}</dd>
        </dl>
        <span class="equation__sign" aria-hidden="true">
          −
        </span>
        <dl class="equation__term">
          <dt>Right total</dt>
          <dd>{formatAmount(right, currency)}</dd>
        </dl>
        <span class="equation__sign" aria-hidden="true">
          =
        </span>
        <dl class={`equation__term equation__term--result${isEven ? ' is-even' : ''}`}>
          <dt>Difference</dt>
          <dd>{formatDifference(difference, currency)}</dd>
        </dl>
        <span class="equation__currency">{currencyName(currency)}</span>
      </div>
      {isSplit && (
        <dl class="equation__split">
          <div>
            <dt>Explained by matches</dt>
            <dd>{formatDifference(explained, currency)}</dd>
          </div>
          <div>
            <dt>Still unexplained</dt>
            <dd>{formatDifference(unexplained, currency)}</dd>
          </div>
        </dl>
      )}
    </div>
  )
}
