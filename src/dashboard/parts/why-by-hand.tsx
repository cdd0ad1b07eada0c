import type { MatchDetail } from '../api.js'
import { sign } from '../decimal.js'
import { currencyCode, formatAmount, formatTime } from '../format.js'

/** Who says that these rows belong together, and why their sums may differ. */
export function WhyByHand({ detail, userId }: { readonly detail: MatchDetail; readonly userId: string }) {
  const { match, history, leftRecords } = detail
  const made = history.find(({ decision }) => decision === 'match')
  const uneven = match.explanation.gates.filter(({ difference }) => difference === null || sign(difference) !== 0)
  return (
    <section class="why">
      <h2>Why</h2>
      <p>
        {made === undefined
          ? 'Matched by hand.'
          : `${made.user.id === userId ? 'You' : made.user.name} matched this by hand, ${formatTime(made.at)}.`}{' '}
        {uneven.length === 0 && 'Both sides come to the same sum.'}
      </p>
      {uneven.map((gate) => {
        const currency = gate.field.split(' ')[1] ?? leftRecords[0]?.currency ?? null
        return (
          <p key={gate.field}>
            {gate.difference === null
              ? 'Not every row has an amount.'
              : `Left and right differ by ${formatAmount(gate.difference.replace('-', ''), currency)}${currency === null ? '' : ` ${currencyCode(currency) ?? ''}`}.`}{' '}
            {gate.allowed !== '' && (
              <>
                The reason: <q>{gate.allowed}</q>
              </>
            )}
          </p>
        )
      })}
    </section>
  )
}
