import { useEffect, useState } from 'preact/hooks'
import type { SourceView } from '../../protocol/views.js'
import { type ApiError, api, asApiError } from '../api.js'
import { formatCount } from '../format.js'
import type { Room } from '../room.js'
import { routeHref } from '../route.js'
import { Failure } from './states.js'

/** The project's files, with how many of their rows were taken. */
export function SourcesPanel({ room, mayWork }: { readonly room: Room; readonly mayWork: boolean }) {
  const [sources, setSources] = useState<readonly SourceView[] | null>(null)
  const [error, setError] = useState<ApiError | null>(null)
  useEffect(() => {
    const load = () =>
      api.sources(room.id).then(
        ({ items }) => setSources(items),
        (failure) => setError(asApiError(failure)),
      )
    void load()
    return room.queries.show(['sources'], load)
  }, [room])
  return (
    <section class="panel">
      <div class="panel__head">
        <h2>Sources</h2>
        {mayWork && (
          <a class="link-button" href={routeHref(room.id, 'import')}>
            Import
          </a>
        )}
      </div>
      {error !== null && <Failure error={error} />}
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
                {formatCount(source.rows.accepted + source.rows.warning)} rows
                {source.rows.warning > 0 && `, ${formatCount(source.rows.warning)} with warnings`}
                {source.rows.rejected > 0 && (
                  <>
                    {', '}
                    <a href={`/v1/projects/${room.id}/sources/${source.id}/rejected`}>{formatCount(source.rows.rejected)} rejected</a>
                  </>
                )}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
