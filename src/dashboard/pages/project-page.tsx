import { useEffect } from 'preact/hooks'
import type { UserRef } from '../../protocol/views.js'
import { ApiError } from '../api.js'
import { formatCount, formatPercent } from '../format.js'
import { currentJob, isActive, isSettled } from '../jobs.js'
import { lazyPage } from '../lazy.js'
import { Failure, Skeleton } from '../parts/states.js'
import { TopBar } from '../parts/top-bar.js'
import { type OpenProjectProps, type Room, type RoomState, useRoom } from '../room.js'
import { type ProjectTab, routeHref } from '../route.js'
import { useStore } from '../store.js'
import { countStates } from '../totals.js'
import { OverviewPage } from './overview-page.js'

const MatchPage = lazyPage(async () => (await import('./match-page.js')).MatchPage)
const BreaksPage = lazyPage(async () => (await import('./breaks-page.js')).BreaksPage)
const ImportPage = lazyPage(async () => (await import('./import-page.js')).ImportPage)

/** One project: its room stays joined while its pages come and go. */
export function ProjectPage({ project, tab, user }: { readonly project: string; readonly tab: ProjectTab; readonly user: UserRef }) {
  const room = useRoom(project)
  if (room === null) return <TopBar user={user} />
  return <JoinedProject room={room} tab={tab} user={user} />
}

function JoinedProject({ room, tab, user }: { readonly room: Room; readonly tab: ProjectTab; readonly user: UserRef }) {
  const state = useStore(room.state)
  useEffect(() => {
    document.title = titleOf(state)
  }, [state])
  return (
    <>
      <TopBar user={user}>{state.kind === 'open' && <span class="top__project">{state.project.name}</span>}</TopBar>
      {state.kind === 'open' && <Tabs state={state} tab={tab} />}
      <main class="page">
        {state.kind === 'joining' && <Skeleton kind="page" />}
        {state.kind === 'left' && <Failure error={state.error} />}
        {state.kind === 'open' && <TabPage tab={tab} room={room} state={state} user={user} />}
      </main>
    </>
  )
}

function TabPage({ tab, ...props }: OpenProjectProps & { readonly tab: ProjectTab }) {
  switch (tab) {
    case 'overview':
      return <OverviewPage {...props} />
    case 'match':
      return <MatchPage {...props} />
    case 'breaks':
      return <BreaksPage {...props} />
    case 'import':
      // A viewer may look at everything and change nothing.
      if (props.state.role === 'viewer') {
        return <Failure error={new ApiError('viewers may not import files', { code: 'FORBIDDEN', status: 403 })} />
      }
      return <ImportPage {...props} />
  }
}

function Tabs({ state, tab }: { readonly state: RoomState & { kind: 'open' }; readonly tab: ProjectTab }) {
  const hasResult = isSettled(state)
  const tabs = [
    { tab: 'overview', name: 'Overview', count: null },
    { tab: 'match', name: 'Match', count: hasResult ? countStates(state.summary).suggested : null },
    { tab: 'breaks', name: 'Breaks', count: hasResult ? countStates(state.summary).open : null },
    { tab: 'import', name: 'Import', count: null },
  ] as const
  return (
    <nav class="tabs" aria-label="Project">
      {tabs.map((entry) => (
        <a key={entry.tab} href={routeHref(state.project.id, entry.tab)} aria-current={entry.tab === tab ? 'page' : undefined}>
          {entry.name}
          {entry.count !== null && entry.count > 0 && <span class="tabs__count">{formatCount(entry.count)}</span>}
        </a>
      ))}
    </nav>
  )
}

function titleOf(state: RoomState): string {
  if (state.kind !== 'open') return 'Tallyroom'
  const job = currentJob(state.jobs)
  const progress = job !== null && isActive(job) ? `${formatPercent(job.percent)} · ` : ''
  return `${progress}${state.project.name} · Tallyroom`
}
