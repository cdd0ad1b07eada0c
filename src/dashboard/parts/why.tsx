import type { MatchExplanation } from '../../protocol/views.js'
import { aheadWord, evidenceWord, levelWords } from '../evidence.js'
import { formatAmount, formatLine, formatSigns, sentence } from '../format.js'

/** Why the engine thinks so, in words: what speaks for it and against it, and what else could be meant; its figures on request. */
export function Why({ explanation, currency }: { readonly explanation: MatchExplanation; readonly currency: string | null }) {
  const { gates, levels, prior, margin, alternatives } = explanation
  const largest = Math.max(1, ...levels.map(({ weight }) => Math.abs(Number(weight))))
  return (
    <section class="why">
      <h2>Why</h2>
      <p>{formatLine(explanation.summary, currency)}</p>
      {levels.length > 0 && (
        <table class="why__levels">
          <caption class="hidden">What speaks for it and against it</caption>
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
                    aria-hidden="true"
                  />
                </td>
                <td>
                  <strong>{evidenceWord(level.weight)}</strong>
                  <span class="muted">: {levelWords(level.level)}</span>
                </td>
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
      <p>
        {alternatives > 0
          ? `${alternatives} other ${alternatives === 1 ? 'row' : 'rows'} could have been meant`
          : 'No other row comes near'}
        {margin !== null && `: ${aheadWord(margin)}`}. <span class="muted">Found by the rule “{explanation.pass}”.</span>
      </p>
      {levels.length > 0 && (
        <details class="why__figures">
          <summary>Figures</summary>
          <p class="muted small">In bits: one more makes the match twice as likely, one less half as likely.</p>
          <dl>
            {prior !== null && <Figure name="Before any comparison" bits={prior} />}
            {levels.map((level) => (
              <Figure key={level.field} name={`${sentence(level.field)}, ${formatSigns(level.level)}`} bits={level.weight} />
            ))}
            {margin !== null && <Figure name="Ahead of the next best" bits={margin} />}
          </dl>
        </details>
      )}
    </section>
  )
}

function Figure({ name, bits }: { readonly name: string; readonly bits: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{bits.startsWith('-') ? formatSigns(bits) : `+${bits}`}</dd>
    </div>
  )
}
