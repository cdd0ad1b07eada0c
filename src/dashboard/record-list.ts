import type { RecordView } from '../protocol/views.js'
import { type ApiError, asApiError, type Page } from './api.js'
import { Store } from './store.js'

export interface RecordListState {
  /** null: the first page is on its way. */
  readonly records: readonly RecordView[] | null
  readonly cursor: string | null
  readonly error: ApiError | null
}

export type ReadRecords = (query: { readonly q: string; readonly cursor: string | null }) => Promise<Page<RecordView>>

const NOTHING: RecordListState = { records: null, cursor: null, error: null }

/** Rows that a search finds, page by page; an answer to an older search is dropped. */
export class RecordList {
  readonly state = new Store<RecordListState>(NOTHING)
  readonly #read: ReadRecords
  #query = ''
  #request = 0
  #isLoading = false

  constructor(read: ReadRecords) {
    this.#read = read
  }

  /** Begins anew; what was found before stays on the screen until the answer. */
  search(query: string): Promise<void> {
    this.#query = query
    return this.#load(null)
  }

  more(): Promise<void> {
    const { cursor } = this.state.value
    return cursor === null || this.#isLoading ? Promise.resolve() : this.#load(cursor)
  }

  /** Ids of the beginning that are open no more, and how many are there that were not. */
  async compare(): Promise<{ readonly gone: readonly string[]; readonly unseen: number }> {
    const { records, cursor } = this.state.value
    if (records === null) return { gone: [], unseen: 0 }
    const page = await this.#read({ q: this.#query, cursor: null })
    const found = new Set(page.items.map(({ id }) => id))
    const last = page.items.at(-1)
    // They come in the order of their ids.
    const isCovered = ({ id }: RecordView) => page.nextCursor === null || (last !== undefined && id <= last.id)
    const known = new Set(records.map(({ id }) => id))
    const end = records.at(-1)
    const isRead = ({ id }: RecordView) => cursor === null || (end !== undefined && id <= end.id)
    return {
      gone: records.filter((record) => isCovered(record) && !found.has(record.id)).map(({ id }) => id),
      unseen: page.items.filter((record) => isRead(record) && !known.has(record.id)).length,
    }
  }

  async #load(cursor: string | null): Promise<void> {
    const ours = ++this.#request
    this.#isLoading = true
    try {
      const page = await this.#read({ q: this.#query, cursor })
      if (ours !== this.#request) return
      const before = cursor === null ? [] : (this.state.value.records ?? [])
      this.state.set({ records: [...before, ...page.items], cursor: page.nextCursor, error: null })
    } catch (failure) {
      if (ours === this.#request) this.state.set({ ...this.state.value, error: asApiError(failure) })
    } finally {
      if (ours === this.#request) this.#isLoading = false
    }
  }
}
