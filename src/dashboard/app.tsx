import type { ComponentChildren } from 'preact'
import { useEffect, useErrorBoundary } from 'preact/hooks'
import { followAddress, route } from './address.js'
import { announced } from './announce.js'
import { asApiError } from './api.js'
import { followKeyboard } from './keyboard.js'
import { lazyPage } from './lazy.js'
import { followNetwork } from './live.js'
import { SessionEnded, SignInPage } from './pages/sign-in-page.js'
import { NewVersion } from './parts/new-version.js'
import { Failure, Skeleton } from './parts/states.js'
import { Toaster } from './parts/toaster.js'
import { followSession, session, startSession } from './session.js'
import { useStore } from './store.js'
import { followVersion } from './version.js'

const ProjectsPage = lazyPage(async () => (await import('./pages/projects-page.js')).ProjectsPage, Main)
const ProjectPage = lazyPage(async () => (await import('./pages/project-page.js')).ProjectPage, Main)

/** The whole application: who is here, the page that the address names, and the one place from which news is read aloud. */
export function App() {
  return (
    <>
      <Content />
      <NewVersion />
      <Toaster />
      <Announcer />
    </>
  )
}

function Announcer() {
  return (
    <p class="hidden" role="status">
      {useStore(announced)}
    </p>
  )
}

function Content() {
  const state = useStore(session)
  const place = useStore(route)
  const [thrown, resetThrown] = useErrorBoundary()
  useEffect(() => {
    followSession()
    followNetwork()
    followKeyboard()
    // First, so that the code of a sign-in link never counts as a page.
    void startSession()
    followAddress()
    void followVersion()
  }, [])
  if (thrown !== undefined) {
    return (
      <Main>
        <Failure error={asApiError(thrown)} onRetry={resetThrown} />
      </Main>
    )
  }
  switch (state.kind) {
    case 'starting':
      return (
        <Main>
          <Skeleton kind="page" />
        </Main>
      )
    case 'failed':
      return (
        <Main>
          <Failure error={state.error} onRetry={() => void startSession()} />
        </Main>
      )
    case 'signed-out':
      return <SignInPage error={state.error} />
    case 'expired':
    case 'signed-in':
      return (
        <>
          {state.kind === 'expired' && <SessionEnded user={state.user} />}
          {place.page === 'projects' ? (
            <ProjectsPage user={state.user} />
          ) : (
            <ProjectPage key={place.project} user={state.user} project={place.project} tab={place.tab} />
          )}
        </>
      )
  }
}

/** Where there is no page yet to bring its own frame. */
function Main({ children }: { readonly children: ComponentChildren }) {
  return <main class="page">{children}</main>
}
