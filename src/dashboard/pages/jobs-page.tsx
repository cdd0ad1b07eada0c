import '../styles/job.css'
import '../styles/jobs.css'
import { useEffect, useState } from 'preact/hooks'
import type { JobView } from '../../protocol/views.js'
import { type ApiError, api, asApiError } from '../api.js'
import { durationOf, formatChange, formatCount, formatMessage, formatTime, sentence } from '../format.js'
import { isActive, mergeJob } from '../jobs.js'
import { ControlTotals } from '../parts/control-totals.js'
import { JobCard, rulesOf, StartButton } from '../parts/job-card.js'
import { Empty, Failure, Skeleton } from '../parts/states.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'

const PAGE = 50

/** Every run of the project: with what, what it came to, and how that differs from the run before. */
export function JobsPage({ room, state, blocked }: OpenProjectProps) {
  const [older, setOlder] = useState<readonly JobView[] | null>(null)
  const [cursor, setCursor] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [opened, setOpened] = useState<string | null>(null)
  const mayWork = blocked === null
  const load = async (after: string | null) => {
    setError(null)
    try {
      const page = await api.jobs(room.id, { limit: PAGE, cursor: after })
      setOlder((held) => [...(after === null ? [] : (held ?? [])), ...page.items])
      setCursor(page.nextCursor)
    } catch (failure) {
      setError(asApiError(failure))
    }
  }
  useEffect(() => {
    void load(null)
    return room.queries.show(['jobs'], () => load(null))
  }, [room])

  // The room hears of the newest at once; the list has the older ones.
  const jobs = state.jobs.reduce(mergeJob, older ?? [])
  const active = jobs.find(isActive)
  const isEmpty = older !== null && jobs.length === 0
  return (
    <>
      <div class="page__head">
        <div>
          <h1>Jobs</h1>
          <p class="muted">Every run over the files of this project, newest first. Matching again keeps the rules of the last one.</p>
        </div>
        {mayWork && !isEmpty && active === undefined && (
          <StartButton room={room} label="Match again" like={jobs[0] === undefined ? {} : rulesOf(jobs[0])} onError={setError} />
        )}
      </div>
      {active !== undefined && <JobCard room={room} job={active} mayWork={mayWork} summary={null} />}
      {error !== null && <Failure error={error} onRetry={() => void load(older === null ? null : cursor)} />}
      {older === null && error === null && jobs.length === 0 && <Skeleton kind="rows" />}
      {isEmpty && (
        <Empty
          title="No job yet"
          action={
            mayWork && (
              <a class="button button--primary" href={routeHref(room.id, 'import')}>
                Import two files
              </a>
            )
          }
        >
          A job compares all rows of both sides. It begins when two files have been imported, or when somebody starts one.
        </Empty>
      )}
      <ol class="runs">
        {jobs
          .filter((job) => job !== active)
          .map((job, index, ended) => (
            <Run
              key={job.id}
              job={job}
              before={ended.slice(index + 1).find(({ state: ended, dryRun }) => ended === 'completed' && !dryRun) ?? null}
              isOpen={opened === null ? index === 0 : opened === job.id}
              onToggle={(isOpen) => setOpened(isOpen ? job.id : '')}
              retry={
                mayWork && active === undefined && (job.state === 'failed' || job.state === 'cancelled') ? (
                  <StartButton room={room} label="Try again" like={{ ...rulesOf(job), dryRun: job.dryRun }} onError={setError} />
                ) : null
              }
            />
          ))}
      </ol>
      {cursor !== null && (
        <button type="button" class="button more" onClick={() => void load(cursor)}>
          Older jobs
        </button>
      )}
    </>
  )
}

function Run(props: {
  readonly job: JobView
  /** The completed run before it. */
  readonly before: JobView | null
  readonly isOpen: boolean
  readonly onToggle: (isOpen: boolean) => void
  readonly retry: preact.ComponentChildren
}) {
  const { job, before, isOpen, onToggle, retry } = props
  return (
    <li class="run panel panel--flush">
      <button type="button" class="run__head" aria-expanded={isOpen} onClick={() => onToggle(!isOpen)}>
        <span class={`pill pill--${job.state}`}>{sentence(job.state)}</span>
        <span class="run__when">
          {formatTime(job.createdAt)}
          <span class="muted"> {job.createdBy === null ? '' : `by ${job.createdBy.name}`}</span>
        </span>
        <span class="run__figures">
          {formatCount(job.matched)} <span class="muted">matched</span>
        </span>
        <span class="run__figures">
          {formatCount(job.suggested)} <span class="muted">suggested</span>
        </span>
        <span class="run__figures">
          {formatCount(job.breaks)} <span class="muted">breaks</span>
        </span>
      </button>
      {isOpen && (
        <div class="run__body">
          {job.error !== null && (
            <p class="notice notice--bad">
              {formatMessage(job.error.message)} <code>{job.error.code}</code>
            </p>
          )}
          {retry !== null && <div class="row">{retry}</div>}
          <dl class="run__facts">
            <Fact name="Took">{durationOf(job) ?? '–'}</Fact>
            <Fact name="Rows">
              {formatCount(job.processed)} of {formatCount(job.total)}
            </Fact>
            {before !== null && (
              <Fact name="Rules">{job.ruleSet === before.ruleSet ? 'As in the run before' : 'Others than in the run before'}</Fact>
            )}
            <Fact name="Kind">{job.dryRun ? 'Dry run: counts only' : sentence(job.kind)}</Fact>
          </dl>
          {before !== null && job.state === 'completed' && <Change job={job} before={before} />}
          {job.notices.length > 0 && (
            <ul class="job__notices">
              {job.notices.map((notice) => (
                <li key={`${notice.code} ${notice.pass}`}>
                  {sentence(notice.code)}: {formatCount(notice.count)} in “{notice.pass}”
                </li>
              ))}
            </ul>
          )}
          {job.controlTotals !== null && job.controlTotals.length > 0 && <ControlTotals totals={job.controlTotals} />}
          <details class="run__proof">
            <summary>Proof and ids</summary>
            <dl>
              <Fact name="Job">
                <code>{job.id}</code>
              </Fact>
              {job.ruleSet !== null && (
                <Fact name="Rules: the same id means the same rules">
                  <code>{job.ruleSet}</code>
                </Fact>
              )}
              {job.resultHash !== null && (
                <Fact name="Result: the same fingerprint means the same matches and breaks">
                  <code>{job.resultHash}</code>
                </Fact>
              )}
            </dl>
          </details>
        </div>
      )}
    </li>
  )
}

function Fact({ name, children }: { readonly name: string; readonly children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Change({ job, before }: { readonly job: JobView; readonly before: JobView }) {
  const isSame = job.resultHash !== null && job.resultHash === before.resultHash
  return (
    <p class="run__change">
      <span class="muted">Against the run of {formatTime(before.createdAt)}:</span>{' '}
      {isSame
        ? 'the same result.'
        : `${formatChange(job.matched - before.matched)} matched, ${formatChange(job.suggested - before.suggested)} suggested, ${formatChange(job.breaks - before.breaks)} breaks.`}
    </p>
  )
}
