import '../styles/overview.css'
import '../styles/job.css'
import { currentJob, isSettled } from '../jobs.js'
import { ActivityPanel } from '../parts/activity-panel.js'
import { EquationCard } from '../parts/equation.js'
import { ExportLinks } from '../parts/export-links.js'
import { JobCard, StartJob } from '../parts/job-card.js'
import { PeoplePanel } from '../parts/people-panel.js'
import { RecentJobs } from '../parts/recent-jobs.js'
import { SourcesPanel } from '../parts/sources-panel.js'
import { Empty } from '../parts/states.js'
import { Tiles } from '../parts/tiles.js'
import type { OpenProjectProps } from '../room.js'
import { routeHref } from '../route.js'
import { countStates, equations } from '../totals.js'

/** The project at a glance: what agrees, what runs, what is left. */
export function OverviewPage({ room, state, blocked, user }: OpenProjectProps) {
  const { summary, jobs, project } = state
  const counts = countStates(summary)
  const job = currentJob(jobs)
  const sums = equations(summary, project.currency)
  const mayWork = blocked === null
  // While a job runs it alone says what is found: the stored figures are those from before.
  const hasResult = isSettled(state)
  if (counts.all === 0 && job === null) {
    return (
      <div class="overview__begin">
        <Empty
          title="Nothing to compare yet"
          action={
            mayWork && (
              <a class="button button--primary" href={routeHref(project.id, 'import')}>
                Import two files
              </a>
            )
          }
        >
          Import a file for each side, say the bank’s and the ledger’s. Matching then finds the pairs, and everyone in the project sees it
          happen.
        </Empty>
        <PeoplePanel room={room} role={state.role} userId={user.id} />
      </div>
    )
  }
  return (
    <div class="overview">
      <h1 class="hidden">Overview</h1>
      <div class="overview__main">
        {job !== null && <JobCard room={room} job={job} mayWork={mayWork} summary={hasResult ? summary : null} />}
        {job === null && mayWork && <StartJob room={room} />}
        {sums.length > 0 && <EquationCard equations={sums} isSplit={hasResult} />}
        {hasResult && <Tiles project={project.id} summary={summary} sums={sums} />}
        <RecentJobs jobs={jobs} />
      </div>
      <aside class="overview__side">
        <SourcesPanel room={room} mayWork={mayWork} place="overview" />
        <PeoplePanel room={room} role={state.role} userId={user.id} />
        <ActivityPanel room={room} />
        <section class="panel">
          <h2>Export</h2>
          <ExportLinks project={project.id} />
        </section>
      </aside>
    </div>
  )
}
