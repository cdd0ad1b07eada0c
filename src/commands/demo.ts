import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Db } from '../db/client.js'
import { createJob, listJobs } from '../db/jobs.js'
import { putMember } from '../db/members.js'
import { createProject, deleteProject, findProjectBySetting, hasProjects } from '../db/projects.js'
import type { ProjectId, UserId } from '../ids.js'
import { importStatement } from '../jobs/import.js'
import type { JobView, UserRef } from '../protocol/views.js'
import { writeSample } from '../sample/write-sample.js'

/** The two people of the sample project; their ids are what `tallyroom link --name` makes of their names. */
export const ANA: UserRef = { id: 'ana', name: 'Ana' }
export const BEN: UserRef = { id: 'ben', name: 'Ben' }

const SAMPLE = { seed: 1, rows: 20_000 }
/** How a sample project is known again. */
const SETTINGS = { sample: 'bank and ledger' }

/** `auto`: on an embedded database in which nothing was ever made. A sample project that never got its job is removed: it was interrupted. */
export async function needsDemo(db: Db, isEmbedded: boolean, demo: 'auto' | 'on' | 'off'): Promise<boolean> {
  if (demo !== 'auto') return demo === 'on'
  if (!isEmbedded) return false
  const sample = await findProjectBySetting(db, 'sample', SETTINGS.sample)
  // The id of a stored row.
  if (sample !== null && (await listJobs(db, sample.id as ProjectId, { limit: 1 })).length === 0)
    await deleteProject(db, sample.id as ProjectId, sample.name)
  return !(await hasProjects(db))
}

/** Writes two files, imports them and queues a job, all by the ways that a user goes. */
export async function createDemo(db: Db, dataDir: string, say: (line: string) => void): Promise<JobView> {
  const { id } = await createProject(db, { name: 'Sample: bank and ledger', currency: 'EUR', settings: SETTINGS }, ANA)
  // The id of a row that was just stored.
  const project = id as ProjectId
  await putMember(db, project, { user: BEN.id as UserId, name: BEN.name, role: 'approver' }, ANA)
  const folder = join(dataDir, 'sample')
  const files = await writeSample(folder, SAMPLE)
  for (const side of ['left', 'right'] as const) {
    const name = side === 'left' ? 'bank.csv' : 'ledger.csv'
    const { source } = await importStatement({ db, project, currency: 'EUR', side, name, bytes: createReadStream(files[side]), actor: ANA })
    say(`imported ${name}: ${source.rows.accepted + source.rows.warning} rows`)
  }
  await rm(folder, { recursive: true, force: true })
  return createJob(db, { project, dryRun: false, actor: ANA, requestId: null })
}
