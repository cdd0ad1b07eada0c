import { useEffect, useState } from 'preact/hooks'
import type { Room as LiveRoom } from '../client/index.js'
import { type Claim, type Event, isKnownEvent, isKnownLatest, type Latest, type LatestData } from '../protocol/events.js'
import type { BreakView, JobView, MatchView, ProjectView, Role, Snapshot, Summary, UserRef } from '../protocol/views.js'
import { type Activity, describe, withActivity } from './activity.js'
import { ApiError, api } from './api.js'
import { ClaimHolder } from './claims.js'
import { inFrame } from './frames.js'
import { mergeJob } from './jobs.js'
import { link, live } from './live.js'
import { type Person, peopleOf } from './people.js'
import { Queries } from './queries.js'
import type { ProjectTab } from './route.js'
import { Store } from './store.js'

export type RoomState =
  | { readonly kind: 'joining' }
  | {
      readonly kind: 'open'
      readonly role: Role
      readonly project: ProjectView
      readonly summary: Summary
      /** A job has ended and the summary is still the one from before. */
      readonly isCounting: boolean
      readonly jobs: readonly JobView[]
    }
  | { readonly kind: 'left'; readonly error: ApiError }

/** What every page of a project gets. */
export interface OpenProjectProps {
  readonly room: Room
  /** Why nothing can be changed now, as a sentence; null: everything may. */
  readonly blocked: string | null
  readonly state: RoomState & { kind: 'open' }
  readonly user: UserRef
}

/** What a page of the project may want to hear beside the room's own state. */
export interface RoomListener {
  readonly onMatch?: (match: MatchView) => void
  /** Many matches were decided at once, or taken back. */
  readonly onBulk?: (bulk: Bulk) => void
  readonly onBreak?: (view: BreakView) => void
  /** More changed than was told one by one: what is shown must be read again. */
  readonly onStale?: () => void
}

/** What the server did to every suggestion of a filter. */
export interface Bulk {
  readonly minConfidence: string | null
  readonly rule: string | null
  readonly count: number
  readonly isUndone: boolean
  readonly by: UserRef | null
  readonly at: string
}

/** A figure changes at most four times a second. */
const PROGRESS_INTERVAL_MS = 250
/** Mostly it is over before anybody could read it. */
const CATCHING_UP_AFTER_MS = 300

/** A project as long as its pages are open: the socket feeds it, pages watch it. */
export class Room {
  readonly id: string
  readonly state = new Store<RoomState>({ kind: 'joining' })
  readonly activity = new Store<readonly Activity[]>([])
  /** Who shows that they are here. */
  readonly people = new Store<readonly Person[]>([])
  /** Who is at work on what, by target. */
  readonly claims = new Store<ReadonlyMap<string, Claim>>(new Map())
  /** The connection is back, and what happened meanwhile is still on its way. */
  readonly isCatchingUp = new Store(false)
  /** What of this project is on the screen. */
  readonly queries = new Queries()
  readonly #listeners = new Set<RoomListener>()
  readonly #live: LiveRoom
  readonly #holder: ClaimHolder
  /** Of everybody who was here while the page was. */
  readonly #names = new Map<string, string>()
  #stopFrame = () => {}
  #isDrawing = false
  readonly #stopLink: () => void
  #catchingUp: ReturnType<typeof setTimeout> | undefined
  #pending = new Map<string, JobView>()
  #progressTimer: ReturnType<typeof setTimeout> | undefined
  #shownAt = 0
  /** Of the newest state of each tag that was told. */
  readonly #revisions = new Map<string, number>()

  constructor(id: string, userId: string) {
    this.id = id
    this.#live = live.join(id)
    this.#holder = new ClaimHolder(this.#live, userId)
    this.#stopLink = link.watch(() => this.#followLink())
    this.queries.show(['records', 'matches', 'breaks', 'jobs', 'sources'], () => this.#loadSummary())
    this.#live.onPresence(() => this.#drawPeople(userId))
    this.#live.onClaims(() => this.#drawPeople(userId))
    this.#live.onJoined(({ role, snapshot }) => this.#open(role, snapshot))
    this.#live.on('event', (event) => this.#receiveEvent(event))
    this.#live.onLatest((latest) => this.#receiveLatest(latest))
    this.#live.onLeft(({ reason, error }) => {
      const requestId = error?.requestId ?? null
      this.state.set({
        kind: 'left',
        error:
          reason === 'deleted'
            ? new ApiError('this project was deleted', { code: 'NOT_FOUND', status: 404, requestId })
            : new ApiError('you have no access to this project', { code: 'FORBIDDEN', status: 403, requestId }),
      })
    })
  }

  close(): void {
    this.#holder.hold(null)
    this.#live.leave()
    this.#stopFrame()
    this.#stopLink()
    clearTimeout(this.#catchingUp)
    clearTimeout(this.#progressTimer)
    this.queries.close()
  }

  listen(listener: RoomListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Shows everybody where we are. */
  show(tab: ProjectTab): void {
    this.#live.setPresence({ tab })
  }

  /** Shows everybody that we are at work on `match/<id>` or `record/<id>`; null: on nothing. */
  hold(target: string | null): void {
    this.#holder.hold(target)
  }

  /** Takes a job that an answer to this page's own request carried; its events may come before or after. */
  takeJob(job: JobView): void {
    this.#change({ jobs: (jobs) => mergeJob(jobs, job) })
  }

  /** Takes a break that this page's own act made, before or after its event. */
  takeBreak(view: BreakView): void {
    this.#tell((listener) => listener.onBreak?.(view))
  }

  #followLink(): void {
    clearTimeout(this.#catchingUp)
    if (link.value.kind !== 'live' || this.#live.phase !== 'joining' || this.state.value.kind !== 'open') return
    this.#catchingUp = setTimeout(() => this.isCatchingUp.set(this.#live.phase === 'joining'), CATCHING_UP_AFTER_MS)
  }

  #open(role: Role, snapshot: Snapshot | null): void {
    clearTimeout(this.#catchingUp)
    this.isCatchingUp.set(false)
    const held = this.state.value
    if (snapshot === null) {
      // Resumed: what was missed follows as events. Only the role has none.
      if (held.kind === 'open') this.state.set({ ...held, role })
      return
    }
    // Progress that was seen already does not go back because a snapshot was read a moment before it.
    const jobs =
      held.kind === 'open' ? snapshot.jobs.map((job) => mergeJob(held.jobs, job).find(({ id }) => id === job.id) ?? job) : snapshot.jobs
    this.state.set({ kind: 'open', role, project: snapshot.project, summary: snapshot.summary, isCounting: false, jobs })
    if (held.kind === 'open') this.#tell((listener) => listener.onStale?.())
  }

  #receiveEvent(event: Event): void {
    if (!isKnownEvent(event)) return
    const line = describe(event, (user) => this.#names.get(user) ?? user)
    if (line !== null) this.activity.set(withActivity(this.activity.value, line))
    switch (event.type) {
      case 'job.queued':
      case 'job.started':
      case 'job.completed':
      case 'job.failed':
      case 'job.cancelled': {
        // The last word of a job: what waits to be drawn is older.
        this.#pending.delete(event.data.job.id)
        this.takeJob(event.data.job)
        if (event.type === 'job.queued' || event.type === 'job.started') break
        const held = this.state.value
        if (held.kind === 'open') this.state.set({ ...held, isCounting: true })
        this.#tell((listener) => listener.onStale?.())
        break
      }
      case 'match.created':
      case 'match.decided':
      case 'match.removed': {
        const { match } = event.data
        this.#tell((listener) => listener.onMatch?.(match))
        break
      }
      case 'matches.decided': {
        const { filter, count } = event.data
        const textOf = (name: string) => (typeof filter[name] === 'string' ? filter[name] : null)
        const by = this.people.value.find(({ user }) => user.id === event.actor)?.user ?? null
        const bulk = { minConfidence: textOf('minConfidence'), rule: textOf('rule'), count, isUndone: event.data.undone, by, at: event.at }
        this.#tell((listener) => listener.onBulk?.(bulk))
        break
      }
      case 'break.changed': {
        const view = event.data.break
        this.#tell((listener) => listener.onBreak?.(view))
        break
      }
      case 'project.changed': {
        const { project } = event.data
        const held = this.state.value
        if (held.kind === 'open' && project.version > held.project.version) this.state.set({ ...held, project })
      }
    }
  }

  /** Many come and go at once when a server starts: drawn once. */
  #drawPeople(userId: string): void {
    if (this.#isDrawing) return
    this.#isDrawing = true
    this.#stopFrame = inFrame(() => {
      this.#isDrawing = false
      for (const { user } of this.#live.presence.list) this.#names.set(user.id, user.name)
      this.people.set(peopleOf(this.#live.presence.list, userId))
      this.claims.set(this.#live.claims)
      this.#holder.review()
    })
  }

  #receiveLatest(latest: Latest): void {
    if (!isKnownLatest(latest) || latest.data === null) return
    if (latest.type === 'cache.invalidated') this.#invalidate(latest.data)
    if (latest.type !== 'job.progress') return
    this.#pending.set(latest.data.job.id, latest.data.job)
    if (this.#progressTimer !== undefined) return
    const waitMs = Math.max(0, this.#shownAt + PROGRESS_INTERVAL_MS - performance.now())
    this.#progressTimer = setTimeout(() => {
      this.#progressTimer = undefined
      this.#shownAt = performance.now()
      const news = [...this.#pending.values()]
      this.#pending = new Map()
      this.#change({ jobs: (jobs) => news.reduce(mergeJob, jobs) })
    }, waitMs)
  }

  #change({ jobs }: { jobs: (held: readonly JobView[]) => readonly JobView[] }): void {
    const held = this.state.value
    if (held.kind !== 'open') return
    const next = jobs(held.jobs)
    if (next !== held.jobs) this.state.set({ ...held, jobs: next })
  }

  /** Answers with the tag that are older are stale: none of those that came with or after that revision. */
  #invalidate({ tag, revision }: LatestData['cache.invalidated']): void {
    const held = this.state.value
    const known = this.#revisions.get(tag) ?? (held.kind === 'open' ? held.summary.revision : revision)
    this.#revisions.set(tag, Math.max(known, revision))
    if (revision > known) this.queries.invalidate(tag)
  }

  async #loadSummary(): Promise<void> {
    try {
      const summary = await api.summary(this.id)
      const held = this.state.value
      if (held.kind !== 'open') return
      this.state.set({ ...held, isCounting: false, summary: summary.revision >= held.summary.revision ? summary : held.summary })
    } catch (error) {
      // The figures stay as they are until the next event; a lost session is shown by whoever watches it.
      if (error instanceof ApiError && error.status === 429) this.queries.invalidate('records')
    }
  }

  #tell(call: (listener: RoomListener) => void): void {
    for (const listener of this.#listeners) call(listener)
  }
}

/** Who else is at work on the target. */
export function othersClaim(claims: ReadonlyMap<string, Claim>, target: string, userId: string): UserRef | null {
  const user = claims.get(target)?.user ?? null
  return user === null || user.id === userId ? null : user
}

/** The project's room from now until it is no longer drawn; null at the first drawing. */
export function useRoom(project: string, userId: string): Room | null {
  const [room, setRoom] = useState<Room | null>(null)
  useEffect(() => {
    const joined = new Room(project, userId)
    setRoom(joined)
    return () => joined.close()
  }, [project, userId])
  return room
}
