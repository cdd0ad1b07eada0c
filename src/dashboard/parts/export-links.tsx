import { exportUrl } from '../api.js'

/** Downloads of matches and breaks; the browser streams them to disk. */
export function ExportLinks({ project, only }: { readonly project: string; readonly only?: 'matches' | 'breaks' }) {
  const kinds = only === undefined ? (['matches', 'breaks'] as const) : [only]
  return (
    <ul class="exports">
      {kinds.map((what) => (
        <li key={what}>
          <span>{what === 'matches' ? 'Matches' : 'Breaks'}</span>
          {(['csv', 'ndjson'] as const).map((format) => (
            <a key={format} class="button button--small" href={exportUrl(project, what, format)} download>
              {format.toUpperCase()}
            </a>
          ))}
        </li>
      ))}
    </ul>
  )
}
