import { useEffect, useState } from 'preact/hooks'
import type { SourceView } from '../../protocol/views.js'
import { type ApiError, api, asApiError } from '../api.js'
import { messageOf } from '../deciding.js'
import { formatCount, formatCounted, formatTime } from '../format.js'
import type { Room } from '../room.js'
import { routeHref } from '../route.js'
import { showToast } from '../toasts.js'
import { Failure } from './states.js'

/** The project's files, with how many of their rows were taken; where they are imported, a wrong one can be removed. */
export function SourcesPanel(props: { readonly room: Room; readonly mayWork: boolean; readonly place: 'overview' | 'import' }) {
  const { room, mayWork, place } = props
  const [sources, setSources] = useState<readonly SourceView[] | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  const [doubted, setDoubted] = useState<string | null>(null)
  const load = () =>
    api.sources(room.id).then(
      ({ items }) => {
        setSources(items)
        setError(null)
      },
      (failure) => setError(asApiError(failure)),
    )
  useEffect(() => {
    void load()
    return room.queries.show(['sources'], load)
  }, [room])
  const remove = async (source: SourceView) => {
    setDoubted(null)
    try {
      await api.removeSource(room.id, source.id)
      setSources((held) => held?.filter(({ id }) => id !== source.id) ?? null)
      showToast({ text: `Removed ${source.name}`, tone: 'plain', action: null, lastsMs: 5_000 })
    } catch (failure) {
      showToast({ text: messageOf(asApiError(failure)), tone: 'bad', action: null, lastsMs: null })
    }
  }
  const isImport = place === 'import'
  if (isImport && sources?.length === 0 && error === null) return null
  return (
    <section class="panel">
      <div class="panel__head">
        <h2>{isImport ? 'Already here' : 'Sources'}</h2>
        {mayWork && !isImport && (
          <a class="link-button" href={routeHref(room.id, 'import')}>
            Import
          </a>
        )}
      </div>
      {error !== null && <Failure error={error} onRetry={() => void load()} />}
      {sources !== null && sources.length === 0 && <p class="muted">No file yet.</p>}
      <ul class="list">
        {(sources ?? []).map((source) => (
          <li key={source.id}>
            <span class={`side side--${source.side}`}>{source.side}</span>
            <span class="list__main">
              <span class="clip" title={source.name}>
                {source.name}
              </span>
              <span class="muted small">
                {formatCounted(source.rows.accepted + source.rows.warning, 'row')}
                {source.rows.warning > 0 && `, ${formatCount(source.rows.warning)} with warnings`}
                {source.rows.rejected > 0 && (
                  <>
                    {', '}
                    <a href={`/v1/projects/${room.id}/sources/${source.id}/rejected`}>{formatCount(source.rows.rejected)} rejected</a>
                  </>
                )}
                {isImport && ` · ${formatTime(source.createdAt)}${source.createdBy === null ? '' : ` by ${source.createdBy.name}`}`}
              </span>
            </span>
            {isImport && mayWork && doubted !== source.id && (
              <button
                type="button"
                class="button button--small button--quiet"
                aria-label={`Remove ${source.name}`}
                onClick={() => setDoubted(source.id)}
              >
                Remove
              </button>
            )}
            {doubted === source.id && (
              <span class="list__doubt">
                <span class="small">Rows and matches too?</span>
                <button type="button" class="button button--small button--danger" onClick={() => void remove(source)}>
                  Remove
                </button>
                <button type="button" class="button button--small" onClick={() => setDoubted(null)}>
                  Keep
                </button>
              </span>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
