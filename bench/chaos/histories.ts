import type { Findings } from './checker.js'
import type { Entry } from './log.js'

/** Faults after which Redis has less than it had acknowledged. */
const LOSSES = new Set(['redis-empty', 'redis-flush', 'redis-rewind'])
/** After which it has an older state of the same history, so that a place can have another event. */
const REWINDS = new Set(['redis-rewind'])
/** A fact is written when its entity has at least this version; more evidence than this is noise. */
const MAX_EVIDENCE = 20

interface Epoch {
  readonly name: string
  firstAt: number
  head: number
  /** Ids by place; more than one where a history went back. */
  readonly places: Map<number, string[]>
}

/** An event about a fact, or one that waited for Redis. */
export interface OutboxRow {
  readonly no: number
  readonly id: string
  readonly bornAt: number
}

export interface Acknowledged {
  readonly id: string
  readonly at: number
  readonly epoch: string
}

interface Project {
  readonly epochs: Map<string, Epoch>
  readonly outbox: Map<string, OutboxRow>
  /** By id, the history in which it was seen first. */
  readonly origins: Map<string, { readonly epoch: string; readonly at: number }>
  /** By id, when it was sent first. */
  readonly published: Map<string, number>
  /** By id, when its publisher was answered. */
  readonly answered: Map<string, number>
  readonly acknowledged: Acknowledged[]
  readonly queued: Set<string>
  /** By entity, the versions that the outbox tells of. */
  readonly booked: Map<string, Set<number>>
  readonly written: { readonly entity: string; readonly version: number }[]
  readonly rows: Map<string, readonly [version: number, state: string]>
  readonly values: Map<string, number>
}

/** What happened in each project, as far as anybody said so. */
export class Histories {
  readonly #findings: Findings
  readonly #projects = new Map<string, Project>()
  readonly #faults: { readonly name: string; readonly from: number }[] = []

  constructor(findings: Findings) {
    this.#findings = findings
  }

  learn(entry: Entry): void {
    switch (entry.kind) {
      case 'wire':
        this.#place(entry.project, entry.epoch, entry.seq, entry.id, entry.at)
        return
      case 'sent':
        this.of(entry.project).published.set(entry.id, entry.at)
        return
      case 'acknowledged': {
        const { project, id, at, place } = entry
        this.of(project).answered.set(id, at)
        if (place === 'queued') {
          this.of(project).queued.add(id)
          return
        }
        this.#place(project, place.epoch, place.seq, id, at)
        this.of(project).acknowledged.push({ id, at, epoch: place.epoch })
        return
      }
      case 'valued': {
        const { values } = this.of(entry.project)
        values.set(entry.key, Math.max(entry.version, values.get(entry.key) ?? 0))
        return
      }
      case 'written':
        this.of(entry.project).written.push({ entity: entry.entity, version: entry.version })
        return
      case 'fault':
        this.#faults.push({ name: entry.name, from: entry.from })
        return
      case 'outbox': {
        const { project, no, id, bornAt, entity, version, isPublished, type } = entry
        const { outbox, booked } = this.of(project)
        outbox.set(id, { no, id, bornAt })
        if (!isPublished) this.#findings.report('unpublished', `${project} outbox ${no} ${type} ${id}`)
        if (entity === null || version === null) return
        const versions = booked.get(entity) ?? new Set()
        booked.set(entity, versions.add(version))
        return
      }
      case 'row':
        this.of(entry.project).rows.set(entry.entity, [entry.version, entry.state])
    }
  }

  of(project: string): Project {
    const known = this.#projects.get(project)
    if (known) return known
    const made: Project = {
      epochs: new Map(),
      origins: new Map(),
      outbox: new Map(),
      published: new Map(),
      answered: new Map(),
      acknowledged: [],
      queued: new Set(),
      booked: new Map(),
      written: [],
      rows: new Map(),
      values: new Map(),
    }
    this.#projects.set(project, made)
    return made
  }

  /** Whether somebody said that this event stands there. */
  has(project: string, epoch: string, seq: number, id: string): boolean {
    return this.idsAt(project, epoch, seq).includes(id)
  }

  /** What stood there; nothing where nobody saw anything. */
  idsAt(project: string, epoch: string, seq: number): readonly string[] {
    return this.of(project).epochs.get(epoch)?.places.get(seq) ?? []
  }

  /** The history that is left at the end, with its last place. */
  last(project: string): { readonly name: string; readonly head: number } | null {
    return [...this.of(project).epochs.values()].reduce<Epoch | null>(
      (last, epoch) => (last && last.firstAt > epoch.firstAt ? last : epoch),
      null,
    )
  }

  /** Whether data of that history were lost at some time. */
  isBroken(project: string, epoch: string): boolean {
    const { firstAt } = this.of(project).epochs.get(epoch) ?? { firstAt: Number.POSITIVE_INFINITY }
    return this.hasLost(firstAt, Number.POSITIVE_INFINITY)
  }

  /** Whether Redis lost data in that time. Unix milliseconds. */
  hasLost(since: number, until: number): boolean {
    return this.#faults.some(({ name, from }) => LOSSES.has(name) && from >= since && from <= until)
  }

  /** What can be said of the histories alone. */
  judge(): void {
    for (const [project, own] of this.#projects) {
      this.#judgeEpochs(
        project,
        [...own.epochs.values()].sort((one, other) => one.firstAt - other.firstAt),
      )
      this.#findings.checks.acknowledged += own.acknowledged.length
      this.#findings.checks.queued += own.queued.size
      for (const id of own.queued) if (!own.outbox.has(id)) this.#findings.report('unbooked', `${project} ${id} was answered queued`)
      for (const { entity, version } of own.written)
        if (!own.booked.get(entity)?.has(version)) this.#findings.report('unbooked', `${project} ${entity} version ${version}`)
    }
  }

  #judgeEpochs(project: string, epochs: readonly Epoch[]): void {
    for (const [index, epoch] of epochs.entries()) {
      const next = epochs[index + 1]
      const until = next?.firstAt ?? Number.POSITIVE_INFINITY
      const during = this.#faults.filter(({ from }) => from >= epoch.firstAt && from <= until).map(({ name }) => name)
      if (next && !during.some((name) => LOSSES.has(name)))
        this.#findings.report(
          'renewed',
          `${project} ${epoch.name} ended at ${epoch.head}, ${next.name} began at ${new Date(next.firstAt).toISOString()}`,
        )
      if (next) this.#findings.checks.epochs++
      if (during.some((name) => REWINDS.has(name))) continue
      const forks = [...epoch.places].filter(([, ids]) => ids.length > 1)
      for (const [seq, ids] of forks.slice(0, MAX_EVIDENCE))
        this.#findings.report('forked', `${project} ${epoch.name}:${seq} ${ids.join(' and ')}`)
    }
  }

  #place(project: string, name: string, seq: number, id: string, at: number): void {
    const { epochs, origins } = this.of(project)
    if (at < (origins.get(id)?.at ?? Number.POSITIVE_INFINITY)) origins.set(id, { epoch: name, at })
    let epoch = epochs.get(name)
    if (!epoch) {
      epoch = { name, firstAt: at, head: 0, places: new Map() }
      epochs.set(name, epoch)
    }
    epoch.firstAt = Math.min(epoch.firstAt, at)
    epoch.head = Math.max(epoch.head, seq)
    const ids = epoch.places.get(seq)
    if (!ids) epoch.places.set(seq, [id])
    else if (!ids.includes(id)) ids.push(id)
  }
}
