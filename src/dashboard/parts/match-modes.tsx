import { routeHref } from '../route.js'

/** The two ways to match: what the engine suggests, and by hand. */
export function MatchModes({ project, current }: { readonly project: string; readonly current: 'match' | 'tray' }) {
  return (
    <nav class="segments segments--links" aria-label="Ways to match">
      <a href={routeHref(project, 'match')} aria-current={current === 'match' ? 'page' : undefined}>
        Suggestions
      </a>
      <a href={routeHref(project, 'tray')} aria-current={current === 'tray' ? 'page' : undefined}>
        By hand
      </a>
    </nav>
  )
}
