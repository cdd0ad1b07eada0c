import type { BreakReason, BreakStatus, BreakView, RecordView, Side } from '../protocol/views.js'
import { type ApiError, asApiError, type BreakPage } from './api.js'
import { Store } from './store.js'

export interface BreakFilter {
  readonly side: Side | null
  readonly reason: BreakReason | null
  /** null: whatever became of it. */
  readonly status: BreakStatus | null
  /** A user's id; null: whoever has it. */
  readonly assignee: string | null
}

export const OPEN_BREAKS: BreakFilter = { side: null, reason: null, status: 'open', assignee: null }

export interface BreakListState {
  /** null: the first page is on its way. */
  readonly breaks: readonly BreakView[] | null
  readonly cursor: string | null
  /** How many the server has, where that was asked; null: it was not. */
  readonly count: number | null
  readonly error: ApiError | null
  /** Breaks of this filter that came since. */
  readonly unseen: number
}

export type ReadBreaks = (query: BreakFilter & { readonly cursor: string | null }) => Promise<BreakPage>

/** The breaks of a filter, page by page. They keep their places whatever becomes of them; what is new is counted. */
export class BreakList {
  readonly filter: BreakFilter
  readonly state = new Store<BreakListState>({ breaks: null, cursor: null, count: null, error: null, unseen: 0 })
  readonly #read: ReadBreaks
  readonly #unseen = new Set<string>()
  readonly #records = new Map<string, RecordView>()
  #request = 0

  constructor(filter: BreakFilter, read: ReadBreaks) {
    this.filter = filter
    this.#read = read
  }

  /** The row of a break of the list. */
  recordOf({ record }: BreakView): RecordView | undefined {
    return this.#records.get(record)
  }

  /** Reads on from the end of what is there, or `anew`. */
  async load(from: 'anew' | 'on'): Promise<void> {
    const ours = ++this.#request
    const cursor = from === 'anew' ? null : this.state.value.cursor
    try {
      const page = await this.#read({ ...this.filter, cursor })
      if (ours !== this.#request) return
      for (const record of page.records) this.#records.set(record.id, record)
      const before = cursor === null ? [] : (this.state.value.breaks ?? [])
      if (cursor === null) this.#unseen.clear()
      for (const { id } of page.items) this.#unseen.delete(id)
      this.state.set({
        breaks: [...before, ...page.items],
        cursor: page.nextCursor,
        count: page.count ?? this.state.value.count,
        error: null,
        unseen: this.#unseen.size,
      })
    } catch (failure) {
      if (ours === this.#request) this.state.set({ ...this.state.value, error: asApiError(failure) })
    }
  }

  /** Reads the beginning again: what is on the screen is brought up to date in its place. */
  async refresh(): Promise<void> {
    if (this.state.value.breaks === null) return
    try {
      const { items, nextCursor, count } = await this.#read({ ...this.filter, cursor: null })
      const { breaks, cursor } = this.state.value
      const last = breaks?.at(-1)
      // They come in the order of their ids: what lies behind the last is not read yet, not new.
      for (const view of items) if (cursor === null || last === undefined || view.id <= last.id) this.take(view)
      if (count !== undefined && count !== this.state.value.count) this.state.set({ ...this.state.value, count })
      if (breaks?.length === 0) this.state.set({ ...this.state.value, cursor: nextCursor })
    } catch {
      // What is shown stays; the next news tries again.
    }
  }

  /** Takes a newer state of a break in its place, or counts it when it is new and fits. */
  take(view: BreakView): void {
    const { breaks } = this.state.value
    if (breaks === null) return
    const held = breaks.find(({ id }) => id === view.id)
    if (held === undefined) {
      if (fits(view, this.filter)) this.#unseen.add(view.id)
      else this.#unseen.delete(view.id)
      if (this.#unseen.size !== this.state.value.unseen) this.state.set({ ...this.state.value, unseen: this.#unseen.size })
    } else if (view.version > held.version) {
      this.state.set({ ...this.state.value, breaks: breaks.map((other) => (other.id === view.id ? view : other)) })
    }
  }
}

export function fits(view: BreakView, { side, reason, status, assignee }: BreakFilter): boolean {
  return (
    (side === null || view.side === side) &&
    (reason === null || view.reason === reason) &&
    (status === null || view.status === status) &&
    (assignee === null || view.assignee?.id === assignee)
  )
}

/** Whether a break should have been dealt with; `today` as YYYY-MM-DD. */
export function isOverdue({ dueAt, status }: BreakView, today: string): boolean {
  return status === 'open' && dueAt !== null && dueAt.slice(0, 10) < today
}
