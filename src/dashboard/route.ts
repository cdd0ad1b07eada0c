export const PROJECT_TABS = ['overview', 'match', 'tray', 'breaks', 'jobs', 'import'] as const
export type ProjectTab = (typeof PROJECT_TABS)[number]

export type Route = { readonly page: 'projects' } | { readonly page: 'project'; readonly project: string; readonly tab: ProjectTab }

/** Reads what follows the `#` of the address; what is unknown leads to the list of projects. */
export function parseRoute(hash: string): Route {
  const [, page, project, tab] = hash.replace(/^#/, '').split('/')
  if (page !== 'projects' || project === undefined || project === '') return { page: 'projects' }
  return { page: 'project', project, tab: PROJECT_TABS.find((known) => known === tab) ?? 'overview' }
}

export function routeHref(project: string, tab: ProjectTab = 'overview'): string {
  return tab === 'overview' ? `#/projects/${project}` : `#/projects/${project}/${tab}`
}

/** The code in the hash of a sign-in link `…/#signin=<code>`, or null. */
export function parseSignIn(hash: string): string | null {
  return /^#signin=([\w.~-]+)$/.exec(hash)?.[1] ?? null
}

/** The code in what somebody pasted: a whole link, or its code alone. Null when it is neither. */
export function readSignIn(text: string): string | null {
  const trimmed = text.trim()
  return parseSignIn(trimmed.includes('#') ? trimmed.slice(trimmed.indexOf('#')) : `#signin=${trimmed}`)
}
