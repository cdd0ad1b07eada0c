import { useState } from 'preact/hooks'
import type { Side } from '../../protocol/views.js'
import type { ApiError } from '../api.js'
import { formatCount, formatDate, formatMessage } from '../format.js'
import type { FileState } from '../importing.js'
import { chooseReading, type Mapping, type Preview } from '../mapping.js'
import { MappingForm } from './mapping-form.js'
import { PreviewTable } from './preview-table.js'

export interface FileCardProps {
  readonly side: Side
  readonly state: FileState
  /** Files are being imported: nothing may change under them. */
  readonly isBusy: boolean
  readonly onFiles: (files: readonly File[]) => void
  /** `shown` stays on the screen while the mapping is tried. */
  readonly onMapping: (file: File, mapping: Mapping, shown: Preview | null) => void
  readonly onClear: () => void
  readonly onAgain: () => void
}

const TITLES: Readonly<Record<Side, string>> = { left: 'Left side', right: 'Right side' }
const HINTS: Readonly<Record<Side, string>> = { left: 'for example the bank’s statement', right: 'for example your ledger' }

/** One side's file, from the drop to what was imported. */
export function FileCard(props: FileCardProps) {
  const { side, state } = props
  return (
    <section class="card file" aria-label={TITLES[side]}>
      <div class="file__head">
        <h2>
          <span class={`side side--${side}`}>{side}</span>
          {state.kind === 'empty' ? TITLES[side] : <span class="clip">{state.file.name}</span>}
        </h2>
        {state.kind !== 'empty' && !props.isBusy && (
          <button type="button" class="link-button" onClick={props.onClear}>
            {state.kind === 'imported' ? 'Another file' : 'Remove'}
          </button>
        )}
      </div>
      <FileBody {...props} />
    </section>
  )
}

function FileBody({ side, state, onFiles, onMapping, onAgain }: FileCardProps) {
  switch (state.kind) {
    case 'empty':
      return <DropZone side={side} onFiles={onFiles} />
    case 'reading':
      return (
        <p class="muted" aria-busy="true">
          Reading the columns…
        </p>
      )
    case 'ready':
      return (
        <>
          {state.refusal !== null && (
            <Problem
              error={state.refusal}
              mapping={state.preview.mapping}
              onMapping={(mapping) => onMapping(state.file, mapping, state.preview)}
            />
          )}
          {state.refusal === null &&
            state.preview.doubts.map((doubt) => (
              <p key={`${doubt.field} ${doubt.message}`} class="notice notice--wait">
                {formatMessage(doubt.message)}
              </p>
            ))}
          {state.refusal === null && <Rejected preview={state.preview} />}
          <MappingForm preview={state.preview} onChange={(mapping) => onMapping(state.file, mapping, state.preview)} />
          {state.refusal === null && <PreviewTable preview={state.preview} isReading={state.isReading} />}
        </>
      )
    case 'refused':
      return <Problem error={state.error} mapping={state.mapping} onMapping={(mapping) => onMapping(state.file, mapping, null)} />
    case 'sending':
      return (
        <div>
          <p class="muted">{state.share < 1 ? 'Sending…' : 'Reading the rows…'}</p>
          <progress class="upload" value={state.share} max={1} aria-label="Upload" />
        </div>
      )
    case 'duplicate':
      return (
        <div class="notice notice--wait" role="alert">
          <p>This file was imported on this side already. Importing it again counts its rows twice.</p>
          <button type="button" class="button button--small" onClick={onAgain}>
            Import it again
          </button>
        </div>
      )
    case 'imported': {
      const { accepted, warning, rejected } = state.source.rows
      return (
        <p class="notice notice--good">
          {formatCount(accepted + warning)} rows imported
          {warning > 0 && `, ${formatCount(warning)} of them with warnings`}
          {rejected > 0 && `, ${formatCount(rejected)} rejected`}.
        </p>
      )
    }
  }
}

/** How many of the first rows cannot be read with these columns. */
function Rejected({ preview: { rows } }: { readonly preview: Preview }) {
  const count = rows.filter(({ outcome }) => outcome === 'rejected').length
  if (count === 0) return null
  const first = `of the first ${formatCount(rows.length)} rows`
  return count === rows.length ? (
    <p class="notice notice--bad">None {first} can be read like this. Correct the columns.</p>
  ) : (
    <p class="notice notice--wait">
      {formatCount(count)} {first} cannot be read like this and would be left out.
    </p>
  )
}

/** Why a file is not read, and the readings to choose from where there are two. */
function Problem(props: { readonly error: ApiError; readonly mapping: Mapping; readonly onMapping: (mapping: Mapping) => void }) {
  const { error, mapping, onMapping } = props
  return (
    <div class={`notice notice--${error.problems.some(({ readings }) => readings !== undefined) ? 'wait' : 'bad'}`} role="alert">
      <p>
        <strong>{formatMessage(error.message)}</strong>
      </p>
      {error.problems.map((problem) => (
        <div key={`${problem.path} ${problem.message}`}>
          {problem.message !== error.message && <p>{formatMessage(problem.message)}</p>}
          {problem.readings !== undefined && (
            <div class="readings">
              {problem.readings.map((reading) => (
                <button
                  key={reading.value}
                  type="button"
                  class="button reading"
                  onClick={() => onMapping(chooseReading(mapping, problem.path, reading.value))}
                >
                  <strong>{reading.example.replace(/\b\d{4}-\d\d-\d\d$/, formatDate)}</strong>
                  <span class="muted small">read as {reading.value}</span>
                </button>
              ))}
            </div>
          )}
        </div>
      ))}
      {error.status >= 500 && (
        <p class="small">
          Request <code>{error.requestId}</code>
        </p>
      )}
    </div>
  )
}

function DropZone({ side, onFiles }: { readonly side: Side; readonly onFiles: (files: readonly File[]) => void }) {
  const [isOver, setOver] = useState(false)
  return (
    <label
      class={`drop${isOver ? ' is-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault()
        setOver(true)
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault()
        setOver(false)
        onFiles([...(event.dataTransfer?.files ?? [])])
      }}
    >
      <strong>Drop a file here</strong>
      <span class="muted small">or both at once, {HINTS[side]}</span>
      <span class="button button--small">Choose a file</span>
      <input
        type="file"
        class="hidden"
        multiple
        accept=".csv,.tsv,.txt,text/csv"
        onChange={(event) => onFiles([...(event.currentTarget.files ?? [])])}
      />
    </label>
  )
}
