import { sign } from '../decimal.js'
import { currencyName, formatAmount, formatDifference } from '../format.js'
import type { Equation } from '../totals.js'

/** `left − right = difference`, per currency, exact to the last unit. */
export function EquationCard({ equations }: { readonly equations: readonly Equation[] }) {
  return (
    <section class="card equation" aria-label="Control totals">
      {equations.map((equation) => (
        <EquationRow key={equation.currency} equation={equation} />
      ))}
    </section>
  )
}

function EquationRow({ equation }: { readonly equation: Equation }) {
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
          <dd>
            {formatDifference(difference, currency)} <small>{currencyName(currency)}</small>
          </dd>
        </div>
      </dl>
      <p class="equation__split">
        <span>
          <i class="dot dot--good" /> Inside matches <b>{formatDifference(explained, currency)}</b>
        </span>
        <span>
          <i class="dot dot--bad" /> Between open rows <b>{formatDifference(unexplained, currency)}</b>
        </span>
      </p>
    </div>
  )
}
