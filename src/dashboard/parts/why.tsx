import type { MatchExplanation } from '../../protocol/views.js'
import { formatAmount, formatLine, formatSigns, sentence } from '../format.js'

/** Why the engine thinks so: what each comparison added, then the limits that both rows met. */
export function Why({ explanation, currency }: { readonly explanation: MatchExplanation; readonly currency: string | null }) {
  const { gates, levels, prior, margin, alternatives } = explanation
  const largest = Math.max(1, ...levels.map(({ weight }) => Math.abs(Number(weight))))
  return (
    <section class="why">
      <h2>Why</h2>
      <p>{formatLine(explanation.summary, currency)}</p>
      {levels.length > 0 && (
        <table class="why__levels">
          <caption class="hidden">What speaks for it and against it, in bits</caption>
          <tbody>
            {levels.map((level) => (
              <tr key={level.field}>
                <th scope="row">{sentence(level.field)}</th>
                <td class="why__bar">
                  <meter
                    class={level.weight.startsWith('-') ? 'against' : 'for'}
                    min={0}
                    max={largest}
                    value={Math.abs(Number(level.weight))}
                    aria-label={`${sentence(level.field)}: ${level.weight} bits`}
                  />
                </td>
                <td class="num">{level.weight.startsWith('-') ? formatSigns(level.weight) : `+${level.weight}`}</td>
                <td class="why__level">{formatSigns(level.level)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {gates.length > 0 && (
        <ul class="why__gates">
          {gates.map((gate) => (
            <li key={`${gate.field} ${gate.allowed}`}>
              {sentence(gate.field)}{' '}
              {gate.difference === null || gate.difference === '0'
                ? 'is equal'
                : `${gate.field === 'amount' ? formatAmount(gate.difference, currency) : formatSigns(gate.difference)} apart`}
              {gate.allowed !== 'equal' && <span class="muted">, allowed {formatSigns(gate.allowed)}</span>}
            </li>
          ))}
        </ul>
      )}
      <p class="muted small">
        Rule “{explanation.pass}”.{' '}
        {alternatives > 0
          ? `${alternatives} other ${alternatives === 1 ? 'row' : 'rows'} could have been meant.`
          : 'No other row comes near.'}
        {margin !== null && ` Ahead of the next best by ${formatSigns(margin)} bits.`}
        {prior !== null && ` Before any comparison ${formatSigns(prior)} bits.`}
      </p>
    </section>
  )
}
