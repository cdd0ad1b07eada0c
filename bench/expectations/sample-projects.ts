import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Db, openDatabase } from '../../src/db/client.js'
import { createJob } from '../../src/db/jobs.js'
import { migrate } from '../../src/db/migrate.js'
import { createProject } from '../../src/db/projects.js'
import type { ProjectId } from '../../src/ids.js'
import { importStatement } from '../../src/jobs/import.js'
import { JobWorker } from '../../src/jobs/worker.js'
import { createLog } from '../../src/log.js'
import { writeSample } from '../../src/sample/write-sample.js'
import { createServerDatabase } from '../../test/db/test-databases.js'

export const ANA = { id: 'ana', name: 'Ana' }

/** A fresh, migrated database on the server of TEST_DATABASE_URL. */
export async function openBenchDatabase(): Promise<{ readonly url: string; readonly db: Db; close(): Promise<void> }> {
  const { url, drop } = await createServerDatabase()
  const { db, close } = await openDatabase({ address: { url }, applicationName: 'bench' })
  await migrate(db)
  return {
    url,
    db,
    async close() {
      await close()
      await drop()
    },
  }
}

/** A project with both files of the sample, `rows` a side. */
export async function importSample(db: Db, options: { readonly seed: number; readonly rows: number }): Promise<ProjectId> {
  const folder = await mkdtemp(join(tmpdir(), 'tallyroom-bench-'))
  try {
    const files = await writeSample(folder, options)
    const project = await newProject(db)
    for (const side of ['left', 'right'] as const)
      await importStatement({ db, project, side, currency: 'EUR', name: `${side}.csv`, bytes: createReadStream(files[side]), actor: ANA })
    return project
  } finally {
    await rm(folder, { recursive: true })
  }
}

export async function newProject(db: Db): Promise<ProjectId> {
  const { id } = await createProject(db, { name: 'Bench', currency: 'EUR', settings: {} }, ANA)
  // The id of a stored row.
  return id as ProjectId
}

export interface JobsOptions {
  readonly slots: number
  readonly maxRunningJobs: number
}

/** A worker that looks for jobs from its making on. */
export class Jobs {
  readonly #db: Db
  readonly #worker: JobWorker
  readonly #waiting = new Map<string, { resolve(): void; reject(error: Error): void }>()

  constructor(db: Db, options: JobsOptions) {
    this.#db = db
    this.#worker = new JobWorker({
      ...options,
      db,
      owner: `bench-${randomUUID()}`,
      // As one of a fleet.
      pollMs: 250,
      onJob: ({ id, state, error }) => {
        if (state === 'queued' || state === 'running') return
        if (state === 'completed') this.#waiting.get(id)?.resolve()
        else this.#waiting.get(id)?.reject(new Error(`a job ${state}: ${error?.message}`))
        this.#waiting.delete(id)
      },
      wakeOutbox: () => undefined,
      log: createLog('warn'),
    })
    this.#worker.start()
  }

  /** Matches all of them; milliseconds until the last one has ended. */
  async match(projects: readonly ProjectId[]): Promise<number> {
    const startedAt = performance.now()
    await Promise.all(projects.map((project) => this.#matchOne(project)))
    return performance.now() - startedAt
  }

  async #matchOne(project: ProjectId): Promise<void> {
    const { id } = await createJob(this.#db, { project, dryRun: false, actor: ANA, requestId: null })
    this.#worker.wake()
    // Before the worker can have told of its end: its first look at the job takes more than this turn.
    await new Promise<void>((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  stop(): Promise<void> {
    return this.#worker.stop()
  }
}
