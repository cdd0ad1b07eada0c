import type { MatchStatus, MatchView } from '../protocol/views.js'
import { type ApiError, asApiError, type Page } from './api.js'
import { type Entry, isOpen, type MatchRow, reaches, rowOf } from './matches.js'
import type { Bulk } from './room.js'
import { Store } from './store.js'

export interface MatchFilter {
  /** null: whatever became of it. */
  readonly status: MatchStatus | null
  /** Decimal text, 0–1. */
  readonly minConfidence: string | null
  readonly rule: string | null
  /** Text or amount of one of its rows; empty: whatever they say. */
  readonly q: string
}

export const SUGGESTED: MatchFilter = { status: 'proposed', minConfidence: null, rule: null, q: '' }

/** Reads a page of a filter's matches. */
export type ReadMatches = (query: MatchFilter & { readonly limit: number; readonly cursor: string | null }) => Promise<Page<MatchView>>

/** Small, so that the first rows are there at once. */
const FIRST_PAGE = 100
const PAGE = 250
/** Rows that are fetched ahead of the one that is looked at: some screens of fast scrolling. */
const AHEAD = 1_000
const RETRY_MS = 1_000
const LEAST_SHOWN = 3

/**
 * The matches of one filter, highest confidence first, read page by page as they are scrolled to. Entries keep their places whatever is
 * decided; what is new is counted and shown when somebody asks for it. The list is changed in place, because it may have a hundred
 * thousand entries: {@link changes} tells that it has, at most once per animation frame.
 */
export class MatchList {
  readonly filter: MatchFilter
  readonly changes = new Store(0)
  /** Names of the rules that were seen. */
  readonly rules = new Set<string>()
  readonly #read: ReadMatches
  /** Runs a function once, before the next picture; answers how to call it off. */
  readonly #inFrame: (draw: () => void) => () => void
  readonly #entries: Entry[] = []
  readonly #places = new Map<string, number>()
  /** Where each page began, so that it can be read again. */
  readonly #pages: { readonly start: number; readonly cursor: string | null; readonly limit: number }[] = []
  #seen = 0
  #cursor: string | null = null
  #isLoading = false
  #isLoaded = false
  #isClosed = false
  #error: ApiError | null = null
  readonly #unseen = new Set<string>()
  /** What bulk decisions confirmed here, by whom it was. */
  readonly #bulked = new Map<string, string | null>()
  #isStale = false
  #decided = 0
  #cancelFrame: (() => void) | undefined
  #retry: ReturnType<typeof setTimeout> | undefined

  constructor(filter: MatchFilter, read: ReadMatches, inFrame: (draw: () => void) => () => void) {
    this.filter = filter
    this.#read = read
    this.#inFrame = inFrame
  }

  get entries(): readonly Entry[] {
    return this.#entries
  }

  get error(): ApiError | null {
    return this.#error
  }

  /** The first page is there. */
  get isLoaded(): boolean {
    return this.#isLoaded
  }

  /** Nothing follows the last entry. */
  get isComplete(): boolean {
    return this.#isLoaded && this.#cursor === null
  }

  /** Matches of this filter that came since the list was read. */
  get unseen(): number {
    return this.#unseen.size
  }

  /** A job or a bulk decision changed more than was told one by one. */
  get isStale(): boolean {
    return this.#isStale
  }

  /** Entries that were decided on the screen and stay there. */
  get decided(): number {
    return this.#decided
  }

  /** Stops everything that is under way. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#cancelFrame?.()
  }

  get(id: string): Entry | undefined {
    const place = this.#places.get(id)
    return place === undefined ? undefined : this.#entries[place]
  }

  placeOf(id: string): number {
    return this.#places.get(id) ?? -1
  }

  /** Rows up to `index` are looked at: reads on when that comes near the end of what was read. */
  need(index: number): void {
    this.#seen = index
    const isNear = index + AHEAD > this.#entries.length
    if (isNear && !this.isComplete && !this.#isLoading && this.#error === null) void this.#load()
  }

  /** Tries again after an error. */
  retry(): void {
    this.#error = null
    void this.#load()
  }

  /** Takes a newer state of a match in its place, or counts it when it is new and fits. */
  take(match: MatchView): void {
    const held = this.get(match.id)
    if (held === undefined) {
      if (this.#isLoaded && this.#fits(match)) this.#unseen.add(match.id)
      else this.#unseen.delete(match.id)
    } else if (match.version > held.row.version) {
      this.change(match.id, { row: rowOf(match) })
    }
    this.#changed()
  }

  change(id: string, news: Partial<Entry>): void {
    const place = this.#places.get(id)
    const held = place === undefined ? undefined : this.#entries[place]
    if (place === undefined || held === undefined) return
    const next = { ...held, ...news }
    this.#entries[place] = next
    this.#decided += Number(this.#isOutside(next)) - Number(this.#isOutside(held))
    this.#changed()
  }

  /** What a bulk decision did to the entries that it reached; what else it changed is read with the new list. */
  takeBulk({ minConfidence, rule, isUndone, by, at }: Bulk): void {
    for (const entry of this.#entries) {
      const { row } = entry
      if (isUndone) {
        if (this.#bulked.get(row.id) !== (by?.id ?? null) || !this.#bulked.delete(row.id)) continue
        this.change(row.id, { row: { ...row, status: 'proposed', decidedBy: null, decidedAt: null } })
        continue
      }
      if (
        row.status !== 'proposed' ||
        (rule !== null && row.rule !== rule) ||
        (minConfidence !== null && !reaches(row.confidence, minConfidence))
      )
        continue
      // A version that was not told: the detail of the match brings it.
      this.#bulked.set(row.id, by?.id ?? null)
      this.change(row.id, { row: { ...row, status: 'confirmed', decidedBy: by, decidedAt: at }, pending: null, refusal: null })
    }
    this.markStale()
  }

  /** Reads the page that is looked at again: its rows are brought up to date in their places. */
  async refresh(): Promise<void> {
    const page = this.#pages.findLast(({ start }) => start < Math.max(1, this.#seen))
    if (page === undefined || this.#isStale || this.#isClosed) return
    try {
      const { items } = await this.#read({ ...this.filter, limit: page.limit, cursor: page.cursor })
      if (this.#isClosed) return
      // What lies behind the last known one may not be read yet: that is not new.
      const end = this.isComplete ? items.length : items.findLastIndex(({ id }) => this.#places.has(id)) + 1
      for (const match of items.slice(0, end)) this.take(match)
      const found = new Set(items.map(({ id }) => id))
      const isGone = ({ row, pending }: Entry) => !found.has(row.id) && pending === null && !this.#isOutside({ row })
      // Up to the last one that was found: those behind it may only have been pushed off the page.
      const last = Math.max(page.start, ...items.map(({ id }) => this.placeOf(id)))
      if (this.#entries.slice(page.start, last).some(isGone)) this.markStale()
      this.#changed()
    } catch {
      // What is shown stays; the next news tries again.
    }
  }

  markStale(): void {
    // With nothing on the screen nothing can move under a pointer.
    if (this.#isLoaded && this.#entries.length === 0) this.#startAgain()
    else this.#isStale = true
    this.#changed()
  }

  /** The least sure open entries that reach the confidence, when so much was read that they are known. */
  leastSure(minConfidence: string, rule: string | null): readonly MatchRow[] {
    const last = this.#entries.at(-1)
    if (
      this.filter.status !== 'proposed' ||
      this.filter.q !== '' ||
      (!this.isComplete && last !== undefined && reaches(last.row.confidence, minConfidence))
    )
      return []
    const isMeant = (entry: Entry) =>
      isOpen(entry) && reaches(entry.row.confidence, minConfidence) && (rule === null || entry.row.rule === rule)
    return this.#entries
      .filter(isMeant)
      .slice(-LEAST_SHOWN)
      .map(({ row }) => row)
  }

  #startAgain(): void {
    this.#isLoaded = false
    this.#cursor = null
    this.#pages.length = 0
    void this.#load()
  }

  async #load(): Promise<void> {
    if (this.#isLoading || this.#isClosed) return
    this.#isLoading = true
    try {
      const limit = this.#isLoaded ? PAGE : FIRST_PAGE
      const page = await this.#read({ ...this.filter, limit, cursor: this.#cursor })
      if (this.#isClosed) return
      this.#pages.push({ start: this.#entries.length, cursor: this.#cursor, limit })
      for (const match of page.items) this.#append(match)
      this.#cursor = page.nextCursor
      this.#isLoaded = true
    } catch (failure) {
      const error = asApiError(failure)
      if (error.status === 429) this.#retry = setTimeout(() => void this.#load(), error.retryAfterMs ?? RETRY_MS)
      else this.#error = error
    } finally {
      this.#isLoading = false
      this.#changed()
    }
  }

  #append(match: MatchView): void {
    this.#unseen.delete(match.id)
    this.rules.add(match.rule)
    // It moved down the list while pages were read: it stays where it was seen first.
    if (this.#places.has(match.id)) return
    this.#places.set(match.id, this.#entries.length)
    this.#entries.push({ row: rowOf(match), pending: null, refusal: null })
  }

  #fits(match: MatchView): boolean {
    const { status, minConfidence, rule, q } = this.filter
    return (
      (status === null || match.status === status) &&
      (minConfidence === null || reaches(match.confidence, minConfidence)) &&
      (rule === null || match.rule === rule) &&
      (q === '' || says(match, q))
    )
  }

  #isOutside({ row }: Pick<Entry, 'row'>): boolean {
    return this.filter.status !== null && row.status !== this.filter.status
  }

  #changed(): void {
    if (this.#cancelFrame !== undefined || this.#isClosed) return
    this.#cancelFrame = this.#inFrame(() => {
      this.#cancelFrame = undefined
      this.changes.set(this.changes.value + 1)
    })
  }
}

/** Whether what the engine compared has the text; the server also searches the rest of the rows, when the list is read anew. */
function says(match: MatchView, text: string): boolean {
  const { left, right } = rowOf(match)
  return [left, right].some(
    (side) => side.text.toLowerCase().includes(text.toLowerCase()) || side.amount?.replace('-', '').startsWith(text),
  )
}
