import { useEffect, useRef, useState } from 'preact/hooks'
import type { JobView, Summary } from '../../protocol/views.js'
import { announce } from '../announce.js'
import { type ApiError, api, asApiError, type JobSettings } from '../api.js'
import { durationOf, formatCount, formatCounted, formatDuration, formatMessage, formatProgress, formatTime, sentence } from '../format.js'
import { isActive } from '../jobs.js'
import type { Room } from '../room.js'
import { routeHref } from '../route.js'
import { isEverythingSettled } from '../totals.js'

const HEADINGS: Readonly<Record<JobView['state'], string>> = {
  queued: 'Waiting to start',
  running: 'Matching',
  completed: 'Matching is complete',
  failed: 'Matching failed',
  cancelled: 'Matching was cancelled',
}

/** The job that matters now: how far it is, how fast, how long still, and what it has found. */
export function JobCard({
  room,
  job,
  mayWork,
  summary,
}: {
  readonly room: Room
  readonly job: JobView
  readonly mayWork: boolean
  /** What is left to do; null: it is being counted. */
  readonly summary: Summary | null
}) {
  const [error, setError] = useState<ApiError | null>(null)
  const cancel = async () => {
    setError(null)
    try {
      room.takeJob((await api.cancelJob(room.id, job.id)).job)
    } catch (failure) {
      setError(asApiError(failure))
    }
  }
  const active = isActive(job)
  const isDone = job.state === 'completed' && summary !== null && isEverythingSettled(summary)
  const spoken = spokenOf(job)
  const first = useRef(spoken)
  useEffect(() => {
    if (spoken !== first.current) announce(spoken, 'news')
  }, [spoken])
  return (
    <section class={`card job job--${job.state}`} aria-label="Job">
      <div class="job__head">
        {job.state === 'completed' && (
          <svg class="job__done" viewBox="0 0 24 24" aria-hidden="true">
            <circle cx="12" cy="12" r="12" />
            <path d="m7 12.5 3.5 3.5L17 9" />
          </svg>
        )}
        <div>
          <h2>{isDone ? 'Everything is settled' : HEADINGS[job.state]}</h2>
          <p class="muted">{subtitleOf(job)}</p>
          {job.state === 'completed' && summary !== null && <WhatIsLeft project={room.id} summary={summary} />}
        </div>
        {active && (
          <p class="job__percent" aria-hidden="true">
            {formatProgress(job)}
          </p>
        )}
        {active && mayWork && (
          <button type="button" class="button button--small" onClick={() => void cancel()}>
            Cancel
          </button>
        )}
        {!active && mayWork && <StartButton room={room} label="Match again" like={rulesOf(job)} onError={setError} />}
      </div>
      {job.state !== 'completed' && <ProgressBar job={job} />}
      {active && (
        <dl class="job__figures">
          <Figure name="Rows" value={`${formatCount(job.processed)} / ${formatCount(job.total)}`} />
          <Figure name="Matched" value={formatCount(job.matched)} />
          <Figure name="Suggested" value={formatCount(job.suggested)} />
          <Figure name="Breaks" value={formatCount(job.breaks)} />
          <Figure name="Rows per second" value={job.rowsPerSecond === null ? '–' : formatCount(Math.round(job.rowsPerSecond))} />
          <Figure name="Time left" value={job.etaMs === null ? '–' : formatDuration(job.etaMs)} />
        </dl>
      )}
      {job.notices.length > 0 && (
        <ul class="job__notices">
          {job.notices.map((notice) => (
            <li key={`${notice.code} ${notice.pass}`}>
              {sentence(notice.code)}: {formatCount(notice.count)} in “{notice.pass}”
            </li>
          ))}
        </ul>
      )}
      {job.error !== null && <p class="notice notice--bad">{formatMessage(job.error.message)}</p>}
      {error !== null && (
        <p class="notice notice--bad" role="alert">
          {formatMessage(error.message)}
        </p>
      )}
    </section>
  )
}

function WhatIsLeft({ project, summary }: { readonly project: string; readonly summary: Summary }) {
  const { suggestions, breaks, unmatched } = summary
  if (isEverythingSettled(summary)) return <p>Every suggestion is decided, and no break is open.</p>
  return (
    <>
      {unmatched > 0 && (
        <p>
          <strong>{formatCounted(unmatched, 'row')} not compared yet.</strong> Match again to find their pairs.
        </p>
      )}
      {suggestions + breaks > 0 && (
        <p>
          Left to do: {suggestions > 0 && <a href={routeHref(project, 'match')}>{formatCounted(suggestions, 'suggestion')} to decide</a>}
          {suggestions > 0 && breaks > 0 && ', '}
          {breaks > 0 && <a href={routeHref(project, 'breaks')}>{formatCounted(breaks, 'break')} to explain</a>}
        </p>
      )}
    </>
  )
}

/** Nothing has run yet. */
export function StartJob({ room }: { readonly room: Room }) {
  const [error, setError] = useState<ApiError | null>(null)
  return (
    <section class="card job">
      <div class="job__head">
        <div>
          <h2>Ready to match</h2>
          <p class="muted">Compares all rows of both sides and suggests what it cannot decide.</p>
        </div>
        <StartButton room={room} label="Start matching" onError={setError} />
      </div>
      {error !== null && (
        <p class="notice notice--bad" role="alert">
          {formatMessage(error.message)}
        </p>
      )}
    </section>
  )
}

/** The rules of the job, for another one. */
export function rulesOf({ ruleSet }: JobView): JobSettings {
  return ruleSet === null ? {} : { ruleSet }
}

/** Starts a job over all files, with the default rules or like another job. */
export function StartButton(props: {
  readonly room: Room
  readonly label: string
  readonly like?: JobSettings
  readonly onError: (error: ApiError | null) => void
}) {
  const [isBusy, setBusy] = useState(false)
  const start = async () => {
    setBusy(true)
    props.onError(null)
    try {
      props.room.takeJob((await api.startJob(props.room.id, props.like)).job)
    } catch (failure) {
      props.onError(asApiError(failure))
    }
    setBusy(false)
  }
  return (
    <button
      type="button"
      class="button button--small"
      disabled={isBusy}
      title={props.like === undefined ? 'With the default rules' : 'With the rules of that job'}
      onClick={() => void start()}
    >
      {props.label}
    </button>
  )
}

function ProgressBar({ job }: { readonly job: JobView }) {
  return (
    <div
      class="bar"
      role="progressbar"
      aria-label="Progress of the job"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={job.percent}
      aria-valuetext={`${job.percent} per cent, ${sentence(job.phase)}, ${formatCount(job.processed)} of ${formatCount(job.total)} rows`}
    >
      {/* Scaled by a property: the policy against inline styles is about markup, not about this. */}
      <div class="bar__fill" ref={(element) => element?.style.setProperty('--done', String(job.percent / 100))} />
    </div>
  )
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

/** What is read aloud: one sentence per 10 %. */
function spokenOf(job: JobView): string {
  return isActive(job) ? `${HEADINGS[job.state]}, ${Math.floor(job.percent / 10) * 10} per cent` : HEADINGS[job.state]
}

function subtitleOf(job: JobView): string {
  switch (job.state) {
    case 'queued':
      return 'It begins as soon as a worker is free.'
    case 'running':
      return sentence(job.phase)
    default: {
      const duration = durationOf(job)
      return `${formatCount(job.processed)} rows${duration === null ? '' : ` in ${duration}`} · ${formatTime(job.endedAt ?? job.createdAt)}`
    }
  }
}
