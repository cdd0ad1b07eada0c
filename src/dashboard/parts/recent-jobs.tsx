import type { JobView } from '../../protocol/views.js'
import { durationOf, formatCount, formatTime } from '../format.js'
import { TableScroll } from './table-scroll.js'

const SHOWN = 6

/** The project's last jobs, newest first. */
export function RecentJobs({ jobs }: { readonly jobs: readonly JobView[] }) {
  if (jobs.length === 0) return null
  return (
    <section class="panel">
      <h2>Recent jobs</h2>
      <TableScroll label="Recent jobs">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">Started</th>
              <th scope="col">State</th>
              <th scope="col" class="num">
                Matched
              </th>
              <th scope="col" class="num hide-narrow">
                Suggested
              </th>
              <th scope="col" class="num">
                Breaks
              </th>
              <th scope="col" class="num hide-narrow">
                Took
              </th>
            </tr>
          </thead>
          <tbody>
            {jobs.slice(0, SHOWN).map((job) => (
              <tr key={job.id}>
                <td>
                  {formatTime(job.createdAt)}
                  {job.createdBy !== null && <span class="muted hide-narrow"> by {job.createdBy.name}</span>}
                </td>
                <td>
                  <span class={`pill pill--${job.state}`}>{job.state}</span>
                </td>
                <td class="num">{formatCount(job.matched)}</td>
                <td class="num hide-narrow">{formatCount(job.suggested)}</td>
                <td class="num">{formatCount(job.breaks)}</td>
                <td class="num hide-narrow">{durationOf(job) ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
    </section>
  )
}
