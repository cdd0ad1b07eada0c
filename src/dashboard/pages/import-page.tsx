import '../styles/import.css'
import { useState } from 'preact/hooks'
import { SIDES, type Side } from '../../protocol/views.js'
import { api } from '../api.js'
import type { Mapping } from '../mapping.js'
import { FileCard, type FileState } from '../parts/file-card.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'
import { asApiError } from '../session.js'
import { importFile, previewFile } from '../upload.js'

const EMPTY: Readonly<Record<Side, FileState>> = { left: { kind: 'empty' }, right: { kind: 'empty' } }

/** Two files, what we make of their columns, and the job that compares them. */
export function ImportPage({ room }: OpenProjectProps) {
  const [files, setFiles] = useState(EMPTY)
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  const set = (side: Side, state: FileState) => setFiles((held) => ({ ...held, [side]: state }))

  const preview = async (side: Side, file: File, mapping: Mapping | null) => {
    set(side, { kind: 'reading', file })
    try {
      const result = await previewFile(room.id, side, file, mapping)
      set(side, { kind: 'ready', file, preview: result, isChanged: mapping !== null })
    } catch (failure) {
      set(side, { kind: 'refused', file, mapping: mapping ?? {}, error: asApiError(failure) })
    }
  }

  const choose = (side: Side, chosen: readonly File[]) => {
    const [first, second] = chosen
    if (first !== undefined) void preview(side, first, null)
    // Two files dropped at once: the second is the other side's.
    if (second !== undefined) void preview(side === 'left' ? 'right' : 'left', second, null)
  }

  const importOne = async (side: Side, again: boolean): Promise<boolean> => {
    const state = files[side]
    if (state.kind !== 'ready' && state.kind !== 'duplicate') return state.kind === 'imported'
    const { file, preview: shown } = state
    const mapping = shown.mapping
    set(side, { kind: 'sending', file, share: 0 })
    try {
      const { source } = await importFile(room.id, side, file, {
        mapping,
        again,
        onProgress: (share) => set(side, { kind: 'sending', file, share }),
      })
      set(side, { kind: 'imported', file, source })
      return true
    } catch (failure) {
      const error = asApiError(failure)
      if (error.code === 'DUPLICATE_SOURCE') set(side, { kind: 'duplicate', file, preview: shown })
      else set(side, { kind: 'refused', file, mapping, error })
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
        setProblem(asApiError(failure).message)
      }
    }
    setBusy(false)
  }

  const states = SIDES.map((side) => files[side].kind)
  const canStart =
    !isBusy && states.some((kind) => kind !== 'empty') && states.every((kind) => ['empty', 'ready', 'imported'].includes(kind))
  return (
    <>
      <div class="page__head">
        <div>
          <h1>Import</h1>
          <p class="muted">A CSV file for each side. Nothing is stored until you have seen how its columns are read.</p>
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
            onFiles={(chosen) => choose(side, chosen)}
            onMapping={(file, mapping) => void preview(side, file, mapping)}
            onClear={() => set(side, { kind: 'empty' })}
            onAgain={() => void importOne(side, true)}
          />
        ))}
      </div>
    </>
  )
}
