import '../styles/projects.css'
import { useEffect, useState } from 'preact/hooks'
import type { ProjectView, UserRef } from '../../protocol/views.js'
import { type ApiError, api, asApiError } from '../api.js'
import {
  currencyName,
  formatCount,
  formatDate,
  formatDifference,
  formatMessage,
  formatProgress,
  formatShare,
  formatTime,
} from '../format.js'
import { currentJob, isActive } from '../jobs.js'
import { Faces } from '../parts/avatar.js'
import { Empty, Failure, Skeleton } from '../parts/states.js'
import { TopBar } from '../parts/top-bar.js'
import { type Room, useRoom } from '../room.js'
import { routeHref } from '../route.js'
import { useStore } from '../store.js'
import { countStates, equations } from '../totals.js'

/** Everything that somebody may open, and a way to begin something new. */
export function ProjectsPage({ user }: { readonly user: UserRef }) {
  const [projects, setProjects] = useState<readonly ProjectView[] | null>(null)
  const [cursor, setCursor] = useState<string | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [isCreating, setCreating] = useState(false)
  const load = async (after: string | null) => {
    setError(null)
    try {
      const page = await api.projects(after)
      setProjects((held) => [...(after === null ? [] : (held ?? [])), ...page.items])
      setCursor(page.nextCursor)
    } catch (failure) {
      setError(asApiError(failure))
    }
  }
  useEffect(() => {
    document.title = 'Projects · Tallyroom'
    void load(null)
  }, [])
  const isEmpty = projects !== null && projects.length === 0
  return (
    <>
      <TopBar user={user} />
      <main class="page">
        <div class="page__head">
          <h1>Projects</h1>
          {!isEmpty && !isCreating && (
            <button type="button" class="button button--primary" onClick={() => setCreating(true)}>
              New project
            </button>
          )}
        </div>
        {isCreating && <CreateProject onCancel={() => setCreating(false)} />}
        {error !== null && <Failure error={error} onRetry={() => void load(null)} />}
        {projects === null && error === null && <Skeleton kind="cards" />}
        {isEmpty && !isCreating && (
          <Empty
            title="No project yet"
            action={
              <button type="button" class="button button--primary" onClick={() => setCreating(true)}>
                Create a project
              </button>
            }
          >
            A project compares two sides, say a bank statement and a ledger, and shows everyone in it what agrees and what does not.
          </Empty>
        )}
        {projects !== null && projects.length > 0 && (
          <ul class="cards">
            {projects.map((project) => (
              <ProjectCard key={project.id} project={project} userId={user.id} />
            ))}
          </ul>
        )}
        {cursor !== null && (
          <button type="button" class="button more" onClick={() => void load(cursor)}>
            More projects
          </button>
        )}
      </main>
    </>
  )
}

/** A project with its figures, in step with what happens in it: its room is joined as long as the card is there. */
function ProjectCard({ project, userId }: { readonly project: ProjectView; readonly userId: string }) {
  const room = useRoom(project.id, userId)
  return (
    <li>
      <a class="card card--link" href={routeHref(project.id)}>
        <div class="card__title">
          <h2>{project.name}</h2>
          {room !== null && <Inside room={room} />}
        </div>
        <p class="muted small">
          {project.currency ?? 'Any currency'} · {room === null ? sinceOf(project) : <LastRun room={room} project={project} />}
        </p>
        {room === null ? <div class="card__figures" /> : <ProjectFigures room={room} />}
      </a>
    </li>
  )
}

function LastRun({ room, project }: { readonly room: Room; readonly project: ProjectView }) {
  const state = useStore(room.state)
  const last = state.kind === 'open' ? state.jobs.find(({ state: kind }) => kind === 'completed') : undefined
  return <>{last?.endedAt == null ? sinceOf(project) : `matched ${formatTime(last.endedAt)}`}</>
}

function sinceOf({ createdAt }: ProjectView): string {
  return `since ${formatDate(createdAt.slice(0, 10))}`
}

function Inside({ room }: { readonly room: Room }) {
  return <Faces people={useStore(room.people)} isSmall />
}

function ProjectFigures({ room }: { readonly room: Room }) {
  const state = useStore(room.state)
  // The card stands without its figures; they come when they come.
  if (state.kind !== 'open') return <div class="card__figures" />
  const job = currentJob(state.jobs)
  if (job !== null && isActive(job)) {
    return (
      <div class="card__figures">
        <div class="card__job">
          <p>
            <span class="pill pill--running">{job.state === 'queued' ? 'Waiting' : 'Matching'}</span>
            <strong>{formatProgress(job)}</strong>
          </p>
          <progress value={job.percent} max={100} aria-label="Matching" />
        </div>
      </div>
    )
  }
  const counts = countStates(state.summary)
  const [first] = equations(state.summary, state.project.currency)
  if (counts.all === 0) return <p class="card__figures muted">Nothing imported yet</p>
  return (
    <dl class="card__figures">
      <div>
        <dt>Matched</dt>
        <dd>{formatShare(counts.matched, counts.all)}</dd>
      </div>
      <div>
        <dt>Suggested</dt>
        <dd>{formatCount(state.summary.suggestions)}</dd>
      </div>
      <div>
        <dt>Breaks</dt>
        <dd>{formatCount(state.summary.breaks)}</dd>
      </div>
      {first !== undefined && (
        <div>
          <dt>Unexplained, {currencyName(first.currency)}</dt>
          <dd>{formatDifference(first.unexplained, first.currency)}</dd>
        </div>
      )}
    </dl>
  )
}

function CreateProject({ onCancel }: { readonly onCancel: () => void }) {
  const [name, setName] = useState('')
  const [currency, setCurrency] = useState('')
  const [error, setError] = useState<ApiError | null>(null)
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      const { project } = await api.createProject({ name: name.trim(), ...(currency === '' ? {} : { currency }) })
      location.hash = routeHref(project.id, 'import')
    } catch (failure) {
      setError(asApiError(failure))
      setBusy(false)
    }
  }
  return (
    <form class="card form-row" onSubmit={submit}>
      <label class="field field--wide">
        <span>Name</span>
        <input
          type="text"
          required
          maxLength={200}
          value={name}
          placeholder="March, bank against ledger"
          ref={(element) => element?.focus()}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label class="field">
        <span>Currency, if the files name none</span>
        <input
          type="text"
          pattern="[A-Za-z]{3}"
          maxLength={3}
          placeholder="EUR"
          value={currency}
          onInput={(event) => setCurrency(event.currentTarget.value.toUpperCase())}
        />
      </label>
      <div class="row">
        <button type="submit" class="button button--primary" disabled={isBusy || name.trim() === ''}>
          Create
        </button>
        <button type="button" class="button button--quiet" onClick={onCancel}>
          Cancel
        </button>
      </div>
      {error !== null && (
        <p class="notice notice--bad" role="alert">
          {formatMessage(error.message)}
        </p>
      )}
    </form>
  )
}
