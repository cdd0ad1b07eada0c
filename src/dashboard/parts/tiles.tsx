import type { ComponentChildren } from 'preact'
import type { Summary } from '../../protocol/views.js'
import { currencyName, formatAmount, formatCount, formatCounted, formatShare } from '../format.js'
import { routeHref } from '../route.js'
import { countStates, type Equation } from '../totals.js'

/** What the comparison came to, in four figures; those that need somebody lead to where it is done. */
export function Tiles({
  project,
  summary,
  sums,
}: {
  readonly project: string
  readonly summary: Summary
  readonly sums: readonly Equation[]
}) {
  const counts = countStates(summary)
  const [first, ...others] = sums
  return (
    <section class="tiles" aria-label="Rows">
      <Tile name="Matched" tone="good" value={formatShare(counts.matched, counts.all)}>
        {formatCount(counts.matched)} of {formatCount(counts.all)} rows
      </Tile>
      <Tile name="Suggested" tone="wait" value={formatCount(summary.suggestions)} href={routeHref(project, 'match')}>
        {summary.suggestions === 1 ? 'pair waits' : 'pairs wait'} for a decision
      </Tile>
      <Tile name="Open breaks" tone="bad" value={formatCount(summary.breaks)} href={routeHref(project, 'breaks')}>
        of {formatCounted(counts.open, 'row')} without a match
      </Tile>
      {first !== undefined && (
        <div class="tile">
          <span class="tile__name">Value not matched, {currencyName(first.currency)}</span>
          <dl class="tile__sides">
            <dt>Left</dt>
            <dd>{formatAmount(first.openLeft, first.currency)}</dd>
            <dt>Right</dt>
            <dd>{formatAmount(first.openRight, first.currency)}</dd>
          </dl>
          {others.length > 0 && (
            <span class="tile__note">
              and in {formatCount(others.length)} more {others.length === 1 ? 'currency' : 'currencies'}
            </span>
          )}
        </div>
      )}
    </section>
  )
}

function Tile(props: {
  readonly name: string
  readonly value: string
  readonly tone: 'good' | 'wait' | 'bad'
  readonly href?: string
  readonly children: ComponentChildren
}) {
  const content = (
    <>
      <span class="tile__name">
        <i class={`dot dot--${props.tone}`} />
        {props.name}
      </span>
      <span class="tile__value">{props.value}</span>
      <span class="tile__note">{props.children}</span>
    </>
  )
  return props.href === undefined ? (
    <div class="tile">{content}</div>
  ) : (
    <a class="tile" href={props.href}>
      {content}
    </a>
  )
}
