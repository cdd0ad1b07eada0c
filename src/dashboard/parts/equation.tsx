import { sign } from '../decimal.js'
import { currencyName, formatAmount, formatDifference } from '../format.js'
import type { Equation } from '../totals.js'

/** `left − right = difference`, per currency, exact to the last unit; what is still being compared is not split yet. */
export function EquationCard({ equations, isSplit }: { readonly equations: readonly Equation[]; readonly isSplit: boolean }) {
  return (
    <section class="card equation" aria-label="Control totals">
      {equations.map((equation) => (
        <EquationRow key={equation.currency} equation={equation} isSplit={isSplit} />
      ))}
    </section>
  )
}

function EquationRow({ equation, isSplit }: { readonly equation: Equation; readonly isSplit: boolean }) {
  const { currency, left, right, difference, explained, unexplained } = equation
  const isEven = sign(difference) === 0
  return (
    <div class="equation__row">
      <dl class="equation__terms">
        <div class="equation__term">
          <dt>Left total</dt>
          <dd>{formatAmount(left, currency)}</dd>
        </div>
        <span class="equation__sign" aria-hidden="true">
          −
        </span>
        <div class="equation__term">
          <dt>Right total</dt>
          <dd>{formatAmount(right, currency)}</dd>
        </div>
        <span class="equation__sign" aria-hidden="true">
          =
        </span>
        <div class={`equation__term equation__term--result${isEven ? ' is-even' : ''}`}>
          <dt>Difference</dt>
          <dd>{formatDifference(difference, currency)}</dd>
        </div>
        <span class="equation__currency">{currencyName(currency)}</span>
      </dl>
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
