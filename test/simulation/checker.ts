import type { Event, Latest } from '../../src/protocol/events.js'
import type { JoinedMessage } from '../../src/protocol/messages.js'
import type { Position } from '../../src/protocol/position.js'
import type { LogEntry } from './client-log.js'
import type { EpochHistory, History } from './history.js'
import type { Situations } from './situations.js'
import type { HeardMessage } from './socket-pair.js'

/** Where a client stands in a project that it hears. */
interface Place {
  position: Position
  /** Unix milliseconds. */
  readonly joinedAt: number
  /** What its epoch may have been, after all that it has heard: one thing, unless the bus went back. */
  histories: readonly EpochHistory[]
  /** Live values and those that are gone, by key. */
  values: Map<string, number>
  live: Set<string>
}

/** Who listens, in the eyes of the database. */
export interface Attendance {
  /** Unix milliseconds. */
  readonly today: () => number
  /** Whether at that moment the listener had no role in the project, and every process has been told. */
  readonly wasAbsent: (project: string, at: number) => boolean
  /** Whether a query may have failed at that moment, so that the server may have said that something went wrong. */
  readonly mayFail: (at: number) => boolean
}

interface Joining {
  readonly project: string
  readonly since: Position | null
  readonly isHello: boolean
}

/** Largest frame to a client (C6). */
const MAX_FRAME_BYTES = 256 * 1024
/** A resumed `joined` of so many bytes goes on in pages. */
const PAGED_BYTES = 60 * 1024

/**
 * Reads what one session of a client said and heard against what was published, by the rules of docs/protocol.md alone: it shares nothing with the server
 * but the shape of messages. Of each project a client hears a snapshot, or exactly what follows the position that it named, and then
 * everything, once and in order.
 */
export class Checker {
  readonly faults: string[] = []
  readonly #history: History
  readonly #situations: Situations
  readonly #name: string
  readonly #attendance: Attendance | null
  readonly #places = new Map<string, Place>()
  /** Joins without an answer, by `ref`. */
  readonly #joining = new Map<number, Joining>()
  /** Leaves without an answer. */
  readonly #leaving = new Map<number, string>()
  /** Of the session so far: a key's newest version that was heard, within an epoch (D4). */
  #versions = new Map<string, number>()
  #isConnected = false
  #isWelcome = false

  constructor(name: string, history: History, situations: Situations, attendance: Attendance | null = null) {
    this.#name = name
    this.#attendance = attendance
    this.#history = history
    this.#situations = situations
  }

  /** Projects that it hears. */
  get projects(): string[] {
    return [...this.#places.keys()]
  }

  read(entry: LogEntry): void {
    if (entry.kind === 'connected') this.#isConnected = true
    else if (entry.kind === 'gone') this.#forget()
    else if (entry.kind === 'said') {
      const { message } = entry
      if (message.type === 'join') this.#say(message, false)
      else if (message.type === 'leave') this.#leaving.set(message.ref, message.project)
      else if (message.type === 'hello') for (const join of message.joins ?? []) this.#say(join, true)
    } else if ('message' in entry.heard) {
      const { bytes } = entry.heard
      if (bytes > MAX_FRAME_BYTES) this.#fault(`[C6] a frame of ${bytes} bytes`)
      this.#hear(entry.heard)
    }
  }

  /** It must hear exactly these projects, to the end, and know their newest values. */
  finish(projects: readonly string[]): void {
    for (const project of projects) {
      const place = this.#places.get(project)
      if (!place) {
        this.#fault(`[J2] hears nothing of ${project}`)
        continue
      }
      const { epoch, history } = this.#history.current(project)
      const { events, values, newest } = history
      if (place.position.epoch !== epoch) this.#fault(`[D8] stands in epoch ${place.position.epoch} of ${project}, not in ${epoch}`)
      else if (!this.#history.heirs(project, place.histories, place.position.seq, place.values).includes(history))
        this.#fault(`[D8] has heard of ${project} what the bus has lost`)
      else if (place.position.seq !== events.length) this.#fault(`[D2] stands at ${place.position.seq} of ${events.length} in ${project}`)
      const live = [...newest].filter(([key, version]) => values.get(key)!.get(version) !== 'null').sort()
      const heard = [...place.values].filter(([key]) => place.live.has(key)).sort()
      if (JSON.stringify(live) !== JSON.stringify(heard)) {
        this.#fault(`[D4] has the values ${JSON.stringify(heard)} of ${project}, not ${JSON.stringify(live)}`)
      }
    }
    if (this.#joining.size > 0) this.#fault(`[C5] ${this.#joining.size} joins were never answered`)
    if (this.#leaving.size > 0) this.#fault(`[J7] ${this.#leaving.size} leaves were never answered`)
  }

  #say({ ref, project, since }: { readonly ref: number; readonly project: string; readonly since?: Position }, isHello: boolean): void {
    if (this.#places.has(project)) this.#situations.count('joined again while joined')
    this.#joining.set(ref, { project, since: since ?? null, isHello })
  }

  #hear({ message, bytes, saidAt }: HeardMessage): void {
    if (!this.#isConnected) this.#fault('hears something without a connection')
    if (!this.#isWelcome && message.type !== 'welcome' && message.type !== 'error') this.#fault(`[C5] ${message.type} before welcome`)
    switch (message.type) {
      case 'welcome':
        if (this.#isWelcome) this.#fault('[C5] a second welcome')
        this.#isWelcome = true
        return
      case 'joined':
        this.#hearJoined(message, bytes)
        return
      case 'deliver': {
        const place = this.#places.get(message.project)
        if (!place) {
          this.#fault(`[J2] a deliver of ${message.project}, which is not joined`)
          return
        }
        if (message.events.length + message.latest.length === 0) this.#fault('[D5] an empty deliver')
        if (message.epoch !== place.position.epoch) this.#fault(`[D1] a deliver of epoch ${message.epoch} in ${place.position.epoch}`)
        this.#follow(message.project, place, message.events, message.latest)
        this.#judge(message.project, place, message.events)
        this.#apply(message.project, place, message.latest)
        return
      }
      case 'left':
        if (message.ref !== null) {
          if (this.#leaving.get(message.ref) !== message.project) this.#fault('[J7] an answer to no leave')
          if (!this.#leaving.delete(message.ref)) return
          this.#situations.count(
            [...this.#joining.values()].some(({ project }) => project === message.project) ? 'left while joining' : 'left',
          )
        } else this.#situations.count('revoked')
        this.#places.delete(message.project)
        return
      case 'rejoin':
        if (!this.#places.delete(message.project)) this.#fault(`[D6] a rejoin of ${message.project}, which is not joined`)
        this.#situations.count(`sent back: ${message.reason}`)
        return
      case 'error': {
        const joining = message.ref === null ? undefined : this.#joining.get(message.ref)
        if (joining) {
          this.#joining.delete(message.ref!)
          this.#places.delete(joining.project)
          this.#situations.count('a join is refused')
        }
        if (message.code === 'TOKEN_EXPIRED') this.#situations.count('expired')
        if (message.code === 'MALFORMED' || (message.code === 'INTERNAL' && !this.#attendance?.mayFail(saidAt)))
          this.#fault(`an error ${message.code}: ${message.message}`)
        return
      }
      case 'ack':
        if (message.results === undefined) this.#situations.count('refreshed')
        else this.#situations.count('published over a session')
        return
      case 'goaway':
        this.#situations.count('told to move')
        return
      default:
    }
  }

  #hearJoined(message: JoinedMessage, bytes: number): void {
    const { ref, project, position, mode, snapshot, events, latest } = message
    const joining = this.#joining.get(ref)
    if (joining?.project !== project) {
      this.#fault(`[C5] joined ${project} answers no join`)
      return
    }
    this.#joining.delete(ref)
    const start = mode === 'resumed' ? joining.since : position
    if (!start || (mode === 'resumed') !== (snapshot === null)) {
      this.#fault(`[J4] joined ${mode} with ${snapshot === null ? 'no' : 'a'} snapshot, since ${JSON.stringify(joining.since)}`)
      return
    }
    const histories = this.#history.told(project, start.epoch).filter((history) => wasAt(history, start))
    if (histories.length === 0) this.#fault(`[J3] begins at ${JSON.stringify(start)}, which never was`)
    if (mode === 'snapshot') {
      if (events.length > 0) this.#fault('[J4] a snapshot with events')
      const { name, version } = snapshot!.project
      if (name === position.epoch && version < position.seq + 1) this.#fault(`[J4] a snapshot as of ${version - 1} at ${position.seq}`)
      this.#situations.count('joined with a snapshot')
    } else if (events.length === 0) this.#situations.count('resumed with nothing missed')
    else this.#situations.count(bytes > PAGED_BYTES ? 'resumed in pages' : 'resumed with events')
    if (mode === 'resumed' && joining.isHello) this.#situations.count('resumed from a hello')
    const joinedAt = this.#attendance?.today() ?? 0
    const place: Place = { position: start, joinedAt, histories, values: new Map(), live: new Set() }
    if (mode === 'resumed' && position.epoch !== start.epoch) this.#fault('[J3] resumed into another epoch')
    this.#follow(project, place, events)
    const { seq, id } = place.position
    if (seq !== position.seq || id !== position.id) this.#fault(`[J3] joined at ${position.seq} has events up to ${seq}`)
    // A bus that went back has gone on with older versions, and who begins anew in it may begin with them.
    if (mode === 'snapshot' && this.#history.told(project, position.epoch).length > 1) this.#forgetVersions(project)
    this.#places.set(project, place)
    if (latest.some(({ data }) => data === null)) this.#fault('[D4] a value that is gone in joined')
    this.#apply(project, place, latest)
  }

  /**
   * Directly after the place, each as it was published (D1, D2). Who is told what a bus tells that went back holds nothing that it has lost,
   * but for values that give way in the same breath to newer ones: who had slept would not have heard them at all (D4).
   */
  #follow(project: string, place: Place, events: readonly Event[], latest: readonly Latest[] = []): void {
    const { epoch } = place.position
    const kept = new Map(place.values)
    for (const { key, version } of latest) if (version > (kept.get(key) ?? version)) kept.delete(key)
    place.histories = this.#history.heirs(project, place.histories, place.position.seq, kept)
    for (const { seq, id, type, data } of events) {
      if (seq !== place.position.seq + 1) this.#fault(`[D2] ${seq} follows ${place.position.seq} in ${project}`)
      const { length } = JSON.stringify(data)
      this.#narrow(place, `[D1] ${seq} of ${project} is not what was published`, ({ events }) => {
        const published = events[seq - 1]
        return published?.id === id && published.type === type && published.data.length === length
      })
      place.position = { epoch, seq, id }
    }
  }

  /** What was published since it has joined, and it has heard, was for somebody with a role. */
  #judge(project: string, { histories, joinedAt }: Place, events: readonly Event[]): void {
    if (!this.#attendance) return
    for (const { seq } of events) {
      const { at = 0 } = histories[0]?.events[seq - 1] ?? {}
      if (at > joinedAt && this.#attendance.wasAbsent(project, at)) this.#fault(`[C9] hears ${seq} of ${project} without a role`)
    }
  }

  #apply(project: string, place: Place, latest: readonly Latest[]): void {
    const { epoch } = place.position
    for (const { key, version, data } of latest) {
      const known = `${project} ${epoch} ${key}`
      if (version < (this.#versions.get(known) ?? 0)) this.#fault(`[D4] ${key} goes back to ${version}`)
      this.#versions.set(known, version)
      const text = JSON.stringify(data)
      this.#narrow(
        place,
        `[D4] version ${version} of ${key} is not what was published`,
        ({ values }) => values.get(key)?.get(version) === text,
      )
      place.values.set(key, version)
      if (data === null) {
        place.live.delete(key)
        this.#situations.count('a value gone')
      } else place.live.add(key)
    }
  }

  /** What it hears may be told by some of what its epoch was. */
  #narrow(place: Place, fault: string, isTold: (history: EpochHistory) => boolean): void {
    if (place.histories.length === 1 && isTold(place.histories[0]!)) return
    const told = place.histories.filter(isTold)
    if (told.length === 0) this.#fault(fault)
    else place.histories = told
  }

  #forgetVersions(project: string): void {
    for (const known of this.#versions.keys()) if (known.startsWith(project)) this.#versions.delete(known)
  }

  #forget(): void {
    this.#isConnected = false
    this.#isWelcome = false
    this.#places.clear()
    this.#joining.clear()
    this.#leaving.clear()
    this.#versions = new Map()
  }

  #fault(fault: string): void {
    this.faults.push(`${this.#name}: ${fault}`)
  }
}

function wasAt({ events }: EpochHistory, { seq, id }: Position): boolean {
  return seq === 0 ? id === '' : events[seq - 1]?.id === id
}
