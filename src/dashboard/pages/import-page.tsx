import '../styles/import.css'
import { useEffect, useRef, useState } from 'preact/hooks'
import { SIDES, type Side } from '../../protocol/views.js'
import { api, asApiError } from '../api.js'
import { formatMessage } from '../format.js'
import type { Mapping, Preview } from '../mapping.js'
import { FileCard, type FileState } from '../parts/file-card.js'
import { SourcesPanel } from '../parts/sources-panel.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'
import { importFile, previewFile } from '../upload.js'

const EMPTY: Readonly<Record<Side, FileState>> = { left: { kind: 'empty' }, right: { kind: 'empty' } }

/** Two files, what we make of their columns, and the job that compares them. */
export function ImportPage({ room, blocked }: OpenProjectProps) {
  const [files, setFiles] = useState(EMPTY)
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const readings = useRef<Record<Side, number>>({ left: 0, right: 0 })
  const set = (side: Side, state: FileState) => setFiles((held) => ({ ...held, [side]: state }))

  /** Reads the file's beginning; with `shown`, what is on the screen stays there until the answer. */
  const read = async (side: Side, file: File, mapping: Mapping | null, shown: Preview | null) => {
    const ours = ++readings.current[side]
    const settle = (state: FileState) => {
      // An answer about a file, or a mapping, that was changed meanwhile.
      if (ours === readings.current[side]) set(side, state)
    }
    set(side, shown === null ? { kind: 'reading', file } : readyOf(file, shown, mapping, 'reading'))
    try {
      const preview = await previewFile(room.id, side, file, mapping)
      settle(readyOf(file, preview, null, 'tried'))
    } catch (failure) {
      const error = asApiError(failure)
      if (shown === null) settle({ kind: 'refused', file, mapping: { ...error.mapping, ...mapping }, error })
      else settle({ ...readyOf(file, shown, mapping, 'tried'), refusal: error })
    }
  }

  const choose = (side: Side, chosen: readonly File[]) => {
    const [first, second] = chosen
    setProblem(chosen.length > 2 ? 'One file for each side: the first two were taken.' : null)
    if (first !== undefined) void read(side, first, null, null)
    // Two files at once: the second is the other side's.
    if (second !== undefined) void read(side === 'left' ? 'right' : 'left', second, null, null)
  }

  const clear = (side: Side) => {
    readings.current[side]++
    set(side, { kind: 'empty' })
  }

  const importOne = async (side: Side, again: boolean): Promise<boolean> => {
    const state = files[side]
    if (state.kind !== 'ready' && state.kind !== 'duplicate') return state.kind === 'imported'
    const { file, preview } = state
    set(side, { kind: 'sending', file, share: 0 })
    try {
      const { source } = await importFile(room.id, side, file, {
        mapping: preview.mapping,
        again,
        onProgress: (share) => set(side, { kind: 'sending', file, share }),
      })
      set(side, { kind: 'imported', file, source })
      return true
    } catch (failure) {
      const error = asApiError(failure)
      if (error.code === 'DUPLICATE_SOURCE') set(side, { kind: 'duplicate', file, preview })
      else set(side, { ...readyOf(file, preview, null, 'tried'), refusal: error })
      return false
    }
  }

  const start = async () => {
    setBusy(true)
    setProblem(null)
    let isComplete = true
    for (const side of SIDES) if (files[side].kind !== 'empty') isComplete = (await importOne(side, false)) && isComplete
    if (isComplete) {
      try {
        room.takeJob((await api.startJob(room.id)).job)
        location.hash = routeHref(room.id)
      } catch (failure) {
        setProblem(formatMessage(asApiError(failure).message))
      }
    }
    setBusy(false)
  }

  const firstEmpty = SIDES.find((side) => files[side].kind === 'empty') ?? 'left'
  useEffect(() => {
    // A file that misses its place is taken all the same: by itself the browser would open it instead of the page.
    const allow = (event: DragEvent) => event.preventDefault()
    const take = (event: DragEvent) => {
      const isTaken = event.defaultPrevented
      event.preventDefault()
      if (!isTaken) choose(firstEmpty, [...(event.dataTransfer?.files ?? [])])
    }
    addEventListener('dragover', allow)
    addEventListener('drop', take)
    return () => {
      removeEventListener('dragover', allow)
      removeEventListener('drop', take)
    }
  }, [firstEmpty, room])

  const canStart = !isBusy && SIDES.some((side) => files[side].kind !== 'empty') && SIDES.every((side) => isGood(files[side]))
  return (
    <>
      <div class="page__head">
        <div>
          <h1>Import</h1>
          <p class="muted">A CSV file for each side. Nothing is stored before you have seen how its columns are read.</p>
        </div>
        <button type="button" class="button button--primary" disabled={!canStart} onClick={() => void start()}>
          {isBusy ? 'Importing…' : 'Import and match'}
        </button>
      </div>
      {problem !== null && (
        <p class="notice notice--bad" role="alert">
          {problem}
        </p>
      )}
      <div class="import">
        {SIDES.map((side) => (
          <FileCard
            key={side}
            side={side}
            state={files[side]}
            isBusy={isBusy}
            onFiles={(chosen) => choose(side, chosen)}
            onMapping={(file, mapping, shown) => void read(side, file, mapping, shown)}
            onClear={() => clear(side)}
            onAgain={() => void importOne(side, true)}
          />
        ))}
      </div>
      <SourcesPanel room={room} mayWork={blocked === null} place="import" />
    </>
  )
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
  return state.kind === 'ready' ? !state.isReading && state.refusal === null : state.kind === 'empty' || state.kind === 'imported'
}
