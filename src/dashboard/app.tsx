import type { ComponentChildren } from 'preact'
import { useEffect, useErrorBoundary } from 'preact/hooks'
import { followAddress, route } from './address.js'
import { lazyPage } from './lazy.js'
import { followNetwork } from './live.js'
import { SessionEnded, SignInPage } from './pages/sign-in-page.js'
import { Failure, Skeleton } from './parts/states.js'
import { asApiError, followSession, session, startSession } from './session.js'
import { useStore } from './store.js'

const ProjectsPage = lazyPage(async () => (await import('./pages/projects-page.js')).ProjectsPage, Main)
const ProjectPage = lazyPage(async () => (await import('./pages/project-page.js')).ProjectPage, Main)

/** The whole application: who is here, then the page that the address names. */
export function App() {
  const state = useStore(session)
  const place = useStore(route)
  const [thrown, resetThrown] = useErrorBoundary()
  useEffect(() => {
    followSession()
    followNetwork()
    // First, so that the code of a sign-in link never counts as a page.
    void startSession()
    followAddress()
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
