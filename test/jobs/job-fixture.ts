import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { Db } from '../../src/db/client.js'
import { claimChunk } from '../../src/db/job-chunks.js'
import { createJob, readJob } from '../../src/db/jobs.js'
import { createProject } from '../../src/db/projects.js'
import type { JobId, ProjectId } from '../../src/ids.js'
import { importStatement } from '../../src/jobs/import.js'
import { JobWorker, type WorkerOptions } from '../../src/jobs/worker.js'
import { createLog } from '../../src/log.js'
import type { JobView, Side, UserRef } from '../../src/protocol/views.js'
import { Random } from '../../src/sample/random.js'
import { writeSample } from '../../src/sample/write-sample.js'

export const ANA: UserRef = { id: 'ana', name: 'Ana' }

/** A project with the sample's two files, imported as every file is; `shuffle` is the seed of another order of their rows. */
export async function importSample(db: Db, { seed = 1, rows = 300, shuffle = null as number | null } = {}): Promise<ProjectId> {
  const dir = await mkdtemp(join(tmpdir(), 'tallyroom-jobs-'))
  try {
    const files = await writeSample(dir, { seed, rows })
    const { id } = await createProject(db, { name: 'Sample', currency: 'EUR', settings: {} }, ANA)
    // The id of a stored row.
    const project = id as ProjectId
    for (const side of ['left', 'right'] as const) {
      const [header, ...lines] = (await readFile(files[side], 'utf8')).trim().split('\n')
      const ordered = shuffle === null ? lines : shuffled(lines, shuffle)
      const bytes = bytesOf([header, ...ordered].join('\n'))
      await importStatement({ db, project, side, currency: 'EUR', name: `${side}.csv`, bytes, actor: ANA })
    }
    return project
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** Fisher and Yates, with the sample's own random numbers. */
function shuffled(lines: readonly string[], seed: number): string[] {
  const random = new Random(seed)
  const result = [...lines]
  for (let last = result.length - 1; last > 0; last--) {
    const other = random.int(last + 1)
    ;[result[last], result[other]] = [result[other]!, result[last]!]
  }
  return result
}

/** A project with these records, the same line of text on both sides being a pair. */
export async function importRecords(db: Db, records: Readonly<Record<Side, readonly string[]>>): Promise<ProjectId> {
  const { id } = await createProject(db, { name: 'Records', currency: 'EUR', settings: {} }, ANA)
  const project = id as ProjectId
  for (const side of ['left', 'right'] as const) {
    const lines = ['id,reference,amount,date', ...records[side]]
    await importStatement({ db, project, side, currency: 'EUR', name: `${side}.csv`, bytes: bytesOf(lines.join('\n')), actor: ANA })
  }
  return project
}

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

export async function queueJob(db: Db, project: ProjectId, options: { readonly dryRun?: boolean } = {}): Promise<JobId> {
  const { id } = await createJob(db, { project, dryRun: options.dryRun ?? false, actor: ANA, requestId: null })
  return id as JobId
}

/** A worker that says what it tells of its jobs. */
export class TestWorker {
  readonly told: JobView[] = []
  readonly #worker: JobWorker

  constructor(db: Db, options: Partial<WorkerOptions> = {}) {
    this.#worker = new JobWorker({
      db,
      owner: `test-${Math.random()}`,
      slots: 1,
      maxRunningJobs: 5,
      chunkRows: 75,
      pollMs: 20,
      wakeOutbox: () => undefined,
      log: createLog('silent'),
      ...options,
      onJob: (job) => {
        this.told.push(job)
        options.onJob?.(job)
      },
    })
    this.#worker.start()
  }

  stop(): Promise<void> {
    return this.#worker.stop()
  }

  wake(): void {
    this.#worker.wake()
  }
}

/** Lets a worker of its own work until the job has ended. */
export async function workOff(
  db: Db,
  job: JobId,
  options: Partial<WorkerOptions> = {},
): Promise<{ readonly job: JobView; readonly told: JobView[] }> {
  const worker = new TestWorker(db, options)
  try {
    return { job: await untilEnded(db, job), told: worker.told.filter(({ id }) => id === job) }
  } finally {
    await worker.stop()
  }
}

export function untilEnded(db: Db, job: JobId, timeoutMs = 30_000): Promise<JobView> {
  return vi.waitFor(
    async () => {
      const view = await readJob(db, job)
      expect(view.state).not.toMatch(/queued|running/)
      return view
    },
    { timeout: timeoutMs, interval: 20 },
  )
}

/** As if thirty seconds had passed since the worker that holds a chunk was last heard of. */
export async function expireLeases(db: Db, job: JobId): Promise<void> {
  await db.$executeRaw`update job_chunks set lease_until = now() - interval '1 second' where job_id = ${job}::uuid and lease_until is not null`
}

export async function claim(db: Db, owner = 'test'): Promise<NonNullable<Awaited<ReturnType<typeof claimChunk>>>> {
  const lease = await claimChunk(db, owner, null)
  if (lease === null) throw new Error('no chunk to claim')
  return lease
}

/** What must hold of every ended run, read from the tables alone; empty when it does. */
export async function faultsOf(db: Db, project: ProjectId): Promise<string[]> {
  const rows = await db.$queryRaw<{ fault: string }[]>`
    with legs as (
      select m.status, m.left_id as record from matches m where m.project_id = ${project}::uuid
      union all select m.status, m.right_id from matches m where m.project_id = ${project}::uuid
    ), records_of as (
      select r.id, r.external_id,
        (select count(*) from legs where record = r.id and status = 'confirmed') as confirmed,
        (select count(*) from legs where record = r.id and status = 'proposed') as proposed,
        (select count(*) from breaks where record_id = r.id and status = 'open') as breaks
      from records r where r.project_id = ${project}::uuid
    )
    select 'matched twice: ' || external_id as fault from records_of where confirmed > 1
    union all select 'neither matched nor suggested nor a break: ' || external_id from records_of where confirmed + proposed + breaks = 0
    union all select 'settled and a break: ' || external_id from records_of where confirmed + proposed > 0 and breaks > 0
    union all select 'a pair stored twice' from matches where project_id = ${project}::uuid and status in ('proposed', 'confirmed')
      group by left_id, right_id having count(*) > 1`
  return rows.map((row) => row.fault)
}

/** How many matches and breaks the job left, and what its row says. */
export async function countsOf(db: Db, job: JobId) {
  const [stored] = await db.$queryRaw<{ matched: number; suggested: number; breaks: number }[]>`
    select (select count(*)::int from matches where job_id = ${job}::uuid and status = 'confirmed') as matched,
      (select count(*)::int from matches where job_id = ${job}::uuid and status = 'proposed') as suggested,
      (select count(*)::int from breaks where job_id = ${job}::uuid) as breaks`
  return stored!
}
