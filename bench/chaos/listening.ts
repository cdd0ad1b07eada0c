import type { Findings } from './checker.js'
import type { Histories } from './histories.js'
import type { Entry } from './log.js'
import type { Memberships } from './memberships.js'

/** What a client remembers of the events that it has handled (D3). */
const REMEMBERED = 1_000
/** Evidence of one client about one project. */
const MAX_EVIDENCE = 5

type Heard = Extract<Entry, { readonly kind: 'event' }>
type Joined = Extract<Entry, { readonly kind: 'joined' }>

/** One client in one project. */
interface Ear {
  readonly client: number
  readonly project: string
  /** By id, how many had been heard when it was; across stays. */
  readonly handled: Map<string, number>
  heard: number
  /** Null before the first stay, and between two. */
  stay: Stay | null
  lost: number
}

/** From a join without a position to the leaving. */
interface Stay {
  readonly room: number
  readonly since: number
  epoch: string
  last: number
  /** Number of the last fact in the outbox. */
  factNo: number
  /** Of each publisher the event that it sent last of those that were heard. */
  readonly newest: Map<string, { readonly id: string; readonly sentAt: number }>
  values: Map<string, number>
}

/** Judges what each handler heard by what is known to have happened. */
export class Listening {
  readonly #histories: Histories
  readonly #memberships: Memberships
  readonly #findings: Findings
  readonly #ears = new Map<string, Ear>()
  readonly #gone = new Set<string>()

  constructor(histories: Histories, memberships: Memberships, findings: Findings) {
    this.#histories = histories
    this.#memberships = memberships
    this.#findings = findings
  }

  judge(entry: Entry): void {
    switch (entry.kind) {
      case 'joined':
        this.#join(this.#earOf(entry), entry)
        return
      case 'event':
        this.#hear(this.#earOf(entry), entry)
        return
      case 'value': {
        const { stay } = this.#earOf(entry)
        const before = stay?.values.get(entry.key) ?? 0
        if (entry.version < before)
          this.#findings.report('outdated', `${nameOf(entry)} ${entry.key} went from ${before} to ${entry.version}`)
        stay?.values.set(entry.key, entry.version)
        return
      }
      case 'left':
        this.#earOf(entry).stay = null
        if (!this.#memberships.wasTaken(entry.client, entry.project))
          this.#findings.report('expelled', `${nameOf(entry)}: ${entry.reason} at ${new Date(entry.at).toISOString()}`)
        return
      case 'mirror':
        this.#compare(entry)
    }
  }

  /** When all was heard. */
  finish(): void {
    for (const ear of this.#ears.values()) this.#finish(ear)
    this.#findings.checks.goneWithRedis = this.#gone.size
  }

  #join(ear: Ear, { room, epoch, seq, mode, at }: Joined): void {
    const { stay } = ear
    if (stay === null || stay.room !== room) {
      ear.stay = { room, since: at, epoch, last: seq, factNo: 0, newest: new Map(), values: new Map() }
      return
    }
    if (mode === 'resumed') {
      if (epoch !== stay.epoch) this.#findings.report('lost', `${nameOf(ear)} resumed ${stay.epoch}:${stay.last} in ${epoch}`)
      return
    }
    // What a snapshot jumps over within a history was still there to be told, unless that history had lost something.
    if (epoch === stay.epoch && !this.#histories.isBroken(ear.project, epoch)) this.#expect(ear, epoch, stay.last, seq)
    stay.epoch = epoch
    stay.last = seq
    stay.values = new Map()
  }

  #hear(ear: Ear, { id, seq, sentAt, at }: Heard): void {
    const { findings, name } = { findings: this.#findings, name: nameOf(ear) }
    const { stay, project, handled } = ear
    findings.checks.events++
    const heardAt = `at ${new Date(at).toISOString()}`
    if (stay === null) {
      findings.report('intruded', `${name} heard ${id} outside of a stay ${heardAt}`)
      return
    }
    const place = `${stay.epoch}:${seq}`
    const { outbox, published, origins } = this.#histories.of(project)
    const row = outbox.get(id)
    if (!row && !published.has(id)) findings.report('invented', `${name} heard ${id} (${place}) ${heardAt}`)
    const before = handled.get(id)
    if (before !== undefined) {
      // The thousandth after it has pushed it out.
      if (ear.heard - before < REMEMBERED) findings.report('duplicated', `${name} heard ${id} again (${place}) ${heardAt}`)
      else findings.checks.beyondMemory++
    }
    if (seq <= stay.last) findings.report('reordered', `${name} heard ${place} after ${stay.last} ${heardAt}`)
    else this.#expect(ear, stay.epoch, stay.last, seq - 1)
    stay.last = seq
    handled.set(id, ++ear.heard)
    const sentFirst = published.get(id)
    // Of a queued event nobody knows whether the first attempt at it comes after all, before its turn in the outbox.
    const factNo = row && sentFirst === undefined ? row.no : null
    // A history that begins anew tells also what was there before the client was, and it follows what the client has heard.
    // What waited in the outbox goes out again in the history after a loss (B4), behind what was published into it meanwhile; also when nobody has
    // heard it before: the bus had taken it, and lost it at once.
    const mayBeAgain = row !== undefined && (origins.get(id)?.epoch !== stay.epoch || this.#histories.hasLost(row.bornAt, at))
    const isAgain = mayBeAgain && sentFirst !== undefined
    if (before === undefined && !isAgain && (sentFirst ?? row?.bornAt ?? 0) > stay.since) this.#judgeOrder(ear, stay, id, factNo, heardAt)
    const isShutOut = this.#memberships.isShutOut(ear.client, project, sentAt)
    if (isShutOut !== null) findings.checks.memberships++
    if (isShutOut) findings.report('intruded', `${name} heard ${id} (${place}) of ${new Date(sentAt).toISOString()} ${heardAt}`)
  }

  #judgeOrder(ear: Ear, stay: Stay, id: string, factNo: number | null, heardAt: string): void {
    if (factNo !== null) {
      if (factNo < stay.factNo) this.#findings.report('reordered', `${nameOf(ear)} heard outbox ${factNo} after ${stay.factNo} ${heardAt}`)
      stay.factNo = factNo
    }
    const [, from] = /^(.*):\d+$/.exec(id) ?? []
    if (from === undefined) return
    const { published, answered } = this.#histories.of(ear.project)
    const sentAt = published.get(id) ?? 0
    const last = stay.newest.get(from)
    // Who sends the next before the one has been answered asks for no order.
    if (last && (answered.get(id) ?? Number.POSITIVE_INFINITY) < last.sentAt)
      this.#findings.report('reordered', `${nameOf(ear)} heard ${id} after ${last.id} ${heardAt}`)
    if (!last || sentAt >= last.sentAt) stay.newest.set(from, { id, sentAt })
  }

  /** Every event of `(after, until]` must have been handled by now. */
  #expect(ear: Ear, epoch: string, after: number, until: number): void {
    for (let seq = after + 1; seq <= until; seq++) {
      this.#findings.checks.places++
      const ids = this.#histories.idsAt(ear.project, epoch, seq)
      if (!ids.some((id) => ear.handled.has(id))) this.#lose(ear, `${epoch}:${seq} (${ids.join(' or ') || 'seen by nobody'})`)
    }
  }

  #lose(ear: Ear, what: string): void {
    ear.lost++
    if (ear.lost <= MAX_EVIDENCE) this.#findings.report('lost', `${nameOf(ear)} never heard ${what}`)
  }

  #compare(mirror: Extract<Entry, { readonly kind: 'mirror' }>): void {
    const { checks } = this.#findings
    const { rows, values } = this.#histories.of(mirror.project)
    for (const [entity, [version, state]] of Object.entries(mirror.entities)) {
      const row = rows.get(entity)
      // What is gone has no row.
      if (!row && state === 'removed') continue
      checks.entities++
      if (row?.[0] !== version || row[1] !== state)
        this.#findings.report('stale', `${nameOf(mirror)} has ${entity} ${version} ${state}, Postgres ${row?.join(' ') ?? 'has none'}`)
    }
    if (!(`project/${mirror.project}` in mirror.entities)) this.#findings.report('stale', `${nameOf(mirror)} does not know the project`)
    for (const [key, version] of values) {
      checks.values++
      const own = mirror.values[key] ?? 0
      if (own !== version) this.#findings.report('outdated', `${nameOf(mirror)} has ${key} ${own} at the end, ${version} was acknowledged`)
    }
  }

  #finish(ear: Ear): void {
    const { client, project, stay, handled } = ear
    if (stay === null) {
      if (this.#memberships.isMember(client, project)) this.#findings.report('lost', `${nameOf(ear)} is out, though it is a member`)
      return
    }
    const last = this.#histories.last(project)
    if (last === null) return
    if (last.name === stay.epoch) this.#expect(ear, last.name, stay.last, last.head)
    else this.#lose(ear, `what followed ${stay.epoch}:${stay.last}: the project goes on in ${last.name}`)
    const { outbox, acknowledged, published } = this.#histories.of(project)
    for (const { id, bornAt, no } of outbox.values()) {
      if (bornAt <= stay.since) continue
      this.#findings.checks.facts++
      if (!handled.has(id)) this.#lose(ear, `outbox ${no} ${id} of ${new Date(bornAt).toISOString()}`)
    }
    for (const { id, at, epoch } of acknowledged) {
      // By when it was sent: an answer may come after a join that knows the event already.
      if ((published.get(id) ?? 0) <= stay.since || handled.has(id)) continue
      if (this.#histories.isBroken(project, epoch)) this.#gone.add(`${project} ${id}`)
      else if (epoch === last.name) this.#lose(ear, `${id}, acknowledged in ${epoch} at ${new Date(at).toISOString()}`)
    }
  }

  #earOf({ client, project }: { readonly client: number; readonly project: string }): Ear {
    const name = `${client} ${project}`
    const known = this.#ears.get(name)
    if (known) return known
    const ear: Ear = { client, project, handled: new Map(), heard: 0, stay: null, lost: 0 }
    this.#ears.set(name, ear)
    return ear
  }
}

function nameOf({ client, project }: { readonly client: number; readonly project: string }): string {
  return `client ${client} in ${project}`
}
