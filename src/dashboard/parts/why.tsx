import type { MatchExplanation } from '../../protocol/views.js'
import { formatSigns, sentence } from '../format.js'

/** Why the engine thinks so: limits that both rows met, comparisons with what each added. */
export function Why({ explanation }: { readonly explanation: MatchExplanation }) {
  const { gates, levels, prior, margin, alternatives } = explanation
  const largest = Math.max(1, ...levels.map(({ weight }) => Math.abs(Number(weight))))
  return (
    <div class="why">
      <p class="why__line">
        Pass <strong>{explanation.pass}</strong>
        {alternatives > 0
          ? ` · ${alternatives} other ${alternatives === 1 ? 'row' : 'rows'} could have been meant`
          : ' · no other row comes near'}
      </p>
      {gates.length > 0 && (
        <table class="table why__table">
          <caption>Limits that both rows met</caption>
          <tbody>
            {gates.map((gate) => (
              <tr key={`${gate.field} ${gate.allowed}`}>
                <th scope="row">{sentence(gate.field)}</th>
                <td>
                  {formatSigns(`${gate.left ?? '–'} and ${gate.right ?? '–'}`)}
                  {gate.difference !== null && formatSigns(`, ${gate.difference} apart`)}
                  <span class="muted">, allowed {formatSigns(gate.allowed)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {levels.length > 0 && (
        <table class="table why__table">
          <caption>What speaks for it and against it, in bits</caption>
          <tbody>
            {levels.map((level) => (
              <tr key={level.field}>
                <th scope="row">{sentence(level.field)}</th>
                <td>{formatSigns(level.level)}</td>
                <td class="num">{level.weight.startsWith('-') ? formatSigns(level.weight) : `+${level.weight}`}</td>
                <td class="why__bar">
                  <meter
                    class={level.weight.startsWith('-') ? 'against' : 'for'}
                    min={0}
                    max={largest}
                    value={Math.abs(Number(level.weight))}
                    aria-label={`${level.weight} bits`}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {(prior !== null || margin !== null) && (
        <p class="muted small">
          {prior !== null && `Before any comparison ${formatSigns(prior)} bits. `}
          {margin !== null && `Ahead of the next best by ${formatSigns(margin)} bits.`}
        </p>
      )}
    </div>
  )
}
