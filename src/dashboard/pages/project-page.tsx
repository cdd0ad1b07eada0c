import { useEffect } from 'preact/hooks'
import type { Role, UserRef } from '../../protocol/views.js'
import { ApiError } from '../api.js'
import { formatCount, formatProgress } from '../format.js'
import { currentJob, isActive, isSettled } from '../jobs.js'
import { useKeys } from '../keyboard.js'
import { lazyPage } from '../lazy.js'
import { isOnline } from '../live.js'
import { Faces } from '../parts/avatar.js'
import { HelpDialog, isHelpOpen } from '../parts/help-dialog.js'
import { Failure, Skeleton } from '../parts/states.js'
import { TopBar } from '../parts/top-bar.js'
import { type OpenProjectProps, type Room, type RoomState, useRoom } from '../room.js'
import { type ProjectTab, routeHref } from '../route.js'
import { useStore } from '../store.js'
import { OverviewPage } from './overview-page.js'

const MatchPage = lazyPage(async () => (await import('./match-page.js')).MatchPage)
const TrayPage = lazyPage(async () => (await import('./tray-page.js')).TrayPage)
const JobsPage = lazyPage(async () => (await import('./jobs-page.js')).JobsPage)
const BreaksPage = lazyPage(async () => (await import('./breaks-page.js')).BreaksPage)
const ImportPage = lazyPage(async () => (await import('./import-page.js')).ImportPage)

/** The chunk of a page is fetched while the room is being joined. */
const LAZY = { match: MatchPage, tray: TrayPage, breaks: BreaksPage, jobs: JobsPage, import: ImportPage, overview: null } satisfies Record<
  ProjectTab,
  unknown
>

/** One project: its room stays joined while its pages come and go. */
export function ProjectPage({ project, tab, user }: { readonly project: string; readonly tab: ProjectTab; readonly user: UserRef }) {
  const room = useRoom(project, user.id)
  if (room === null) return <TopBar user={user} />
  return <JoinedProject room={room} tab={tab} user={user} />
}

function JoinedProject({ room, tab, user }: { readonly room: Room; readonly tab: ProjectTab; readonly user: UserRef }) {
  const state = useStore(room.state)
  const hasNetwork = useStore(isOnline)
  const go = (to: ProjectTab) => () => {
    location.hash = routeHref(room.id, to)
  }
  useKeys({ 'g o': go('overview'), 'g m': go('match'), 'g b': go('breaks'), '?': () => isHelpOpen.set(true) })
  useEffect(() => LAZY[tab]?.preload(), [tab])
  useEffect(() => room.show(tab), [room, tab])
  useEffect(() => {
    document.title = titleOf(state)
  }, [state])
  return (
    <>
      <TopBar user={user} faces={<Others room={room} userId={user.id} />} catchingUp={room.isCatchingUp}>
        {state.kind === 'open' && <span class="top__project">{state.project.name}</span>}
      </TopBar>
      {state.kind === 'open' && <Tabs state={state} tab={tab} />}
      <main class="page">
        {state.kind === 'joining' && <Skeleton kind="page" />}
        {state.kind === 'left' && <Failure error={state.error} />}
        {state.kind === 'open' && <TabPage blocked={blockedBy(state.role, hasNetwork)} tab={tab} room={room} state={state} user={user} />}
      </main>
      <HelpDialog />
    </>
  )
}

function blockedBy(role: Role, hasNetwork: boolean): string | null {
  if (role === 'viewer') return 'You may look; analysts decide.'
  return hasNetwork ? null : 'You are offline: nothing can be changed until the network is back.'
}

function Others({ room, userId }: { readonly room: Room; readonly userId: string }) {
  const people = useStore(room.people)
  return <Faces people={people.filter(({ user }) => user.id !== userId)} />
}

function TabPage({ tab, ...props }: OpenProjectProps & { readonly tab: ProjectTab }) {
  switch (tab) {
    case 'overview':
      return <OverviewPage {...props} />
    case 'match':
      return <MatchPage {...props} />
    case 'tray':
      return <TrayPage {...props} />
    case 'breaks':
      return <BreaksPage {...props} />
    case 'jobs':
      return <JobsPage {...props} />
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
    { tab: 'match', name: 'Match', count: hasResult ? state.summary.suggestions : null },
    { tab: 'breaks', name: 'Breaks', count: hasResult ? state.summary.breaks : null },
    { tab: 'jobs', name: 'Jobs', count: null },
    { tab: 'import', name: 'Import', count: null },
  ] as const
  return (
    <nav class="tabs" aria-label="Project">
      {tabs.map((entry) => (
        <a
          key={entry.tab}
          href={routeHref(state.project.id, entry.tab)}
          aria-current={entry.tab === (tab === 'tray' ? 'match' : tab) ? 'page' : undefined}
        >
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
  const progress = job !== null && isActive(job) ? `${formatProgress(job)} · ` : ''
  return `${progress}${state.project.name} · Tallyroom`
}
