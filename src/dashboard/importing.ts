import { SIDES, type Side, type SourceView, type Summary } from '../protocol/views.js'
import { type ApiError, asApiError } from './api.js'
import { formatMessage } from './format.js'
import type { Mapping, Preview } from './mapping.js'
import { Store } from './store.js'

/**
 *   empty      no file                        → reading
 *   reading    the server guesses the columns → ready · refused
 *   ready      shown, can be corrected        → sending
 *   refused    an answer is needed, or the file is not usable → reading
 *   sending    on its way                     → imported · duplicate · ready (with the refusal)
 *   duplicate  these bytes are there already  → sending (again)
 */
export type FileState =
  | { readonly kind: 'empty' }
  | { readonly kind: 'reading'; readonly file: File }
  | {
      readonly kind: 'ready'
      readonly file: File
      readonly preview: Preview
      /** The mapping shown is being tried. */
      readonly isReading: boolean
      /** Why the mapping shown, or the import with it, did not work. */
      readonly refusal: ApiError | null
    }
  | { readonly kind: 'refused'; readonly file: File; readonly mapping: Mapping; readonly error: ApiError }
  | { readonly kind: 'sending'; readonly file: File; readonly share: number }
  | { readonly kind: 'duplicate'; readonly file: File; readonly preview: Preview }
  | { readonly kind: 'imported'; readonly file: File; readonly source: SourceView }

export interface ImportState {
  readonly files: Readonly<Record<Side, FileState>>
  /** Files are on their way: nothing may change under them. */
  readonly isBusy: boolean
  readonly problem: string | null
}

/** What is asked of the server. */
export interface ImportCalls {
  readonly preview: (side: Side, file: File, mapping: Mapping | null) => Promise<Preview>
  readonly send: (
    side: Side,
    file: File,
    options: { readonly mapping: Mapping; readonly again: boolean; readonly onProgress: (share: number) => void },
  ) => Promise<{ readonly source: SourceView }>
  readonly startJob: () => Promise<void>
}

const NOTHING: ImportState = { files: { left: { kind: 'empty' }, right: { kind: 'empty' } }, isBusy: false, problem: null }

/** The files of both sides, from their choice to the job that compares them: kept while the project is open, whatever page is shown. */
export class Importing {
  readonly state = new Store(NOTHING)
  readonly #calls: ImportCalls
  readonly #readings: Record<Side, number> = { left: 0, right: 0 }

  constructor(calls: ImportCalls) {
    this.#calls = calls
  }

  /** The first file is for the side, a second one for the other. */
  choose(side: Side, [first, second, ...more]: readonly File[]): void {
    this.#set({ problem: more.length > 0 ? 'One file for each side: the first two were taken.' : null })
    if (first !== undefined) void this.read(side, first, null, null)
    if (second !== undefined) void this.read(side === 'left' ? 'right' : 'left', second, null, null)
  }

  clear(side: Side): void {
    this.#readings[side]++
    this.#setFile(side, { kind: 'empty' })
  }

  /** Reads the file's beginning; with `shown`, what is on the screen stays there until the answer. */
  async read(side: Side, file: File, mapping: Mapping | null, shown: Preview | null): Promise<void> {
    const ours = ++this.#readings[side]
    const settle = (state: FileState) => {
      // An answer about a file, or a mapping, that was changed meanwhile.
      if (ours === this.#readings[side]) this.#setFile(side, state)
    }
    settle(shown === null ? { kind: 'reading', file } : readyOf(file, shown, mapping, 'reading'))
    try {
      settle(readyOf(file, await this.#calls.preview(side, file, mapping), null, 'tried'))
    } catch (failure) {
      const error = asApiError(failure)
      if (shown === null) settle({ kind: 'refused', file, mapping: { ...error.mapping, ...mapping }, error })
      else settle({ ...readyOf(file, shown, mapping, 'tried'), refusal: error })
    }
  }

  /** Imports the file of one side; answers whether it is there now. */
  async importOne(side: Side, again: boolean): Promise<boolean> {
    const state = this.state.value.files[side]
    if (state.kind !== 'ready' && state.kind !== 'duplicate') return state.kind === 'imported'
    const { file, preview } = state
    const onProgress = (share: number) => this.#setFile(side, { kind: 'sending', file, share })
    onProgress(0)
    try {
      const { source } = await this.#calls.send(side, file, { mapping: preview.mapping, again, onProgress })
      this.#setFile(side, { kind: 'imported', file, source })
      return true
    } catch (failure) {
      const error = asApiError(failure)
      if (error.code === 'DUPLICATE_SOURCE') this.#setFile(side, { kind: 'duplicate', file, preview })
      else this.#setFile(side, { ...readyOf(file, preview, null, 'tried'), refusal: error })
      return false
    }
  }

  /** Imports what was chosen and, when there are rows on both sides, has them compared. Answers whether a job has begun. */
  async start(isMatching: boolean): Promise<boolean> {
    this.#set({ isBusy: true, problem: null })
    let isComplete = true
    for (const side of SIDES)
      if (this.state.value.files[side].kind !== 'empty') isComplete = (await this.importOne(side, false)) && isComplete
    try {
      if (!isComplete || !isMatching) return false
      await this.#calls.startJob()
      this.#set({ files: NOTHING.files })
      return true
    } catch (failure) {
      this.#set({ problem: formatMessage(asApiError(failure).message) })
      return false
    } finally {
      this.#set({ isBusy: false })
    }
  }

  #setFile(side: Side, file: FileState): void {
    this.#set({ files: { ...this.state.value.files, [side]: file } })
  }

  #set(news: Partial<ImportState>): void {
    this.state.set({ ...this.state.value, ...news })
  }
}

/** Whether both sides will have rows when what was chosen is imported. */
export function willHaveBothSides({ files }: ImportState, { totals }: Pick<Summary, 'totals'>): boolean {
  return SIDES.every((side) => files[side].kind !== 'empty' || totals.some((total) => total.side === side))
}

/** Whether something is left to do, and nothing stands against it. */
export function canStart({ files, isBusy }: ImportState, isMatching: boolean): boolean {
  const states = SIDES.map((side) => files[side])
  return !isBusy && states.every(isGood) && states.some(({ kind }) => kind === 'ready' || (kind === 'imported' && isMatching))
}

/** `mapping`: the one that is being tried instead of the preview's own. */
function readyOf(file: File, preview: Preview, mapping: Mapping | null, progress: 'reading' | 'tried'): FileState & { kind: 'ready' } {
  return {
    kind: 'ready',
    file,
    preview: mapping === null ? preview : { ...preview, mapping },
    isReading: progress === 'reading',
    refusal: null,
  }
}

function isGood(state: FileState): boolean {
  if (state.kind !== 'ready') return state.kind === 'empty' || state.kind === 'imported'
  return !state.isReading && state.refusal === null && state.preview.rows.some(({ outcome }) => outcome !== 'rejected')
}
