import '../styles/overview.css'
import '../styles/job.css'
import { useEffect, useState } from 'preact/hooks'
import type { JobView, SourceView } from '../../protocol/views.js'
import { type ApiError, api } from '../api.js'
import { wholePercent } from '../decimal.js'
import { currencyName, formatAgo, formatAmount, formatClock, formatCount, formatDuration } from '../format.js'
import { currentJob } from '../jobs.js'
import { EquationCard } from '../parts/equation.js'
import { ExportLinks } from '../parts/export-links.js'
import { JobCard, StartJob } from '../parts/job-card.js'
import { Empty, Failure } from '../parts/states.js'
import type { OpenProjectProps, Room } from '../room.js'
import { routeHref } from '../route.js'
import { asApiError } from '../session.js'
import { useStore } from '../store.js'
import { countStates, equations } from '../totals.js'

/** The project at a glance: what agrees, what runs, what is left. */
export function OverviewPage({ room, state }: OpenProjectProps) {
  const { summary, jobs, project, role } = state
  const counts = countStates(summary)
  const job = currentJob(jobs)
  const sums = equations(summary.controlTotals ?? [])
  const mayWork = role !== 'viewer'
  if (counts.all === 0 && job === null) {
    return (
      <Empty
        title="Nothing to compare yet"
        action={
          mayWork && (
            <a class="button button--primary" href={routeHref(project.id, 'import')}>
              Import two files
            </a>
          )
        }
      >
        Import a file for each side, say the bank’s and the ledger’s. Matching then finds the pairs, and everyone in the project sees it
        happen.
      </Empty>
    )
  }
  return (
    <div class="overview">
      <div class="overview__main">
        {job !== null && <JobCard room={room} job={job} mayWork={mayWork} />}
        {job === null && mayWork && <StartJob room={room} />}
        {sums.length > 0 && <EquationCard equations={sums} />}
        <section class="tiles" aria-label="Rows">
          <Tile
            name="Matched"
            value={`${wholePercent(counts.matched, counts.all)} %`}
            note={`${formatCount(counts.matched)} of ${formatCount(counts.all)} rows`}
            tone="good"
          />
          <Tile
            name="Suggested"
            value={formatCount(counts.suggested)}
            note="rows wait for a decision"
            tone="wait"
            href={routeHref(project.id, 'review')}
          />
          <Tile
            name="Open"
            value={formatCount(counts.open)}
            note="rows without a match"
            tone="bad"
            href={routeHref(project.id, 'breaks')}
          />
          <Tile
            name="Value open"
            value={sums[0] === undefined ? '–' : formatAmount(sums[0].openLeft, sums[0].currency)}
            note={
              sums[0] === undefined
                ? 'no amounts'
                : `left · right ${formatAmount(sums[0].openRight, sums[0].currency)} ${currencyName(sums[0].currency)}`
            }
          />
        </section>
        <RecentJobs jobs={jobs} />
      </div>
      <aside class="overview__side">
        <Sources room={room} mayWork={mayWork} />
        <ActivityList room={room} />
        <section class="panel">
          <h2>Export</h2>
          <ExportLinks project={project.id} />
        </section>
      </aside>
    </div>
  )
}

function Tile(props: {
  readonly name: string
  readonly value: string
  readonly note: string
  readonly tone?: 'good' | 'wait' | 'bad'
  readonly href?: string
}) {
  const content = (
    <>
      <span class="tile__name">{props.name}</span>
      <span class="tile__value">{props.value}</span>
      <span class="tile__note">{props.note}</span>
    </>
  )
  const className = `tile${props.tone === undefined ? '' : ` tile--${props.tone}`}`
  return props.href === undefined ? (
    <div class={className}>{content}</div>
  ) : (
    <a class={className} href={props.href}>
      {content}
    </a>
  )
}

function RecentJobs({ jobs }: { readonly jobs: readonly JobView[] }) {
  const now = Date.now()
  if (jobs.length === 0) return null
  return (
    <section class="panel">
      <h2>Recent jobs</h2>
      <div class="table-scroll">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Started</th>
              <th scope="col">State</th>
              <th scope="col" class="num">
                Matched
              </th>
              <th scope="col" class="num">
                Suggested
              </th>
              <th scope="col" class="num">
                Breaks
              </th>
              <th scope="col" class="num hide-narrow">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.slice(0, 6).map((job) => (
              <tr key={job.id}>
                <td>
                  {formatAgo(job.createdAt, now)}
                  <span class="muted hide-narrow"> by {job.createdBy?.name ?? 'Tallyroom'}</span>
                </td>
                <td>
                  <span class={`pill pill--${job.state}`}>{job.state}</span>
                </td>
                <td class="num">{formatCount(job.matched)}</td>
                <td class="num">{formatCount(job.suggested)}</td>
                <td class="num">{formatCount(job.breaks)}</td>
                <td class="num hide-narrow">{tookOf(job)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function tookOf(job: JobView): string {
  return job.startedAt === null || job.endedAt === null ? '–' : formatDuration(Date.parse(job.endedAt) - Date.parse(job.startedAt))
}

function Sources({ room, mayWork }: { readonly room: Room; readonly mayWork: boolean }) {
  const [sources, setSources] = useState<readonly SourceView[] | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  useEffect(() => {
    const load = () =>
      api.sources(room.id).then(
        ({ items }) => setSources(items),
        (failure) => setError(asApiError(failure)),
      )
    void load()
    return room.listen({ onSource: () => void load() })
  }, [room])
  return (
    <section class="panel">
      <div class="panel__head">
        <h2>Sources</h2>
        {mayWork && (
          <a class="link-button" href={routeHref(room.id, 'import')}>
            Import
          </a>
        )}
      </div>
      {error !== null && <Failure error={error} />}
      {sources !== null && sources.length === 0 && <p class="muted">No file yet.</p>}
      <ul class="list">
        {(sources ?? []).map((source) => (
          <li key={source.id}>
            <span class={`side side--${source.side}`}>{source.side}</span>
            <span class="list__main">
              <span class="clip" title={source.name}>
                {source.name}
              </span>
              <span class="muted small">
                {formatCount(source.rows.accepted + source.rows.warning)} rows
                {source.rows.warning > 0 && `, ${formatCount(source.rows.warning)} with warnings`}
                {source.rows.rejected > 0 && (
                  <>
                    {', '}
                    <a href={`/v1/projects/${room.id}/sources/${source.id}/rejected`}>{formatCount(source.rows.rejected)} rejected</a>
                  </>
                )}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function ActivityList({ room }: { readonly room: Room }) {
  const activity = useStore(room.activity)
  return (
    <section class="panel">
      <h2>Activity</h2>
      {activity.length === 0 ? (
        <p class="muted">What people do here appears as it happens.</p>
      ) : (
        <ul class="list">
          {activity.map((entry) => (
            <li key={entry.id}>
              <span class="muted small nowrap">{formatClock(entry.at)}</span>
              <span class="list__main">
                {entry.who === null ? (
                  entry.text
                ) : (
                  <>
                    <strong>{entry.who}</strong> {entry.text}
                  </>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
