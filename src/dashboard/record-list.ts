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
