import { mkdtemp, rm, stat } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ProjectId } from '../../src/ids.js'
import { writeSample } from '../../src/sample/write-sample.js'
import { Child } from './child.js'
import { type Expectation, inTurn } from './expectation.js'
import type { Import, Imported } from './importer.js'
import { importSample, Jobs, type JobsOptions, openBenchDatabase } from './sample-projects.js'

const PROJECTS = 4
const ROWS = 1_500
const FILE_ROWS = 200_000
const SLOTS = Math.max(2, availableParallelism())

/** Jobs and imports, on the Postgres of TEST_DATABASE_URL. */
export async function jobs(): Promise<Expectation[]> {
  return [await throughput(), ...(await largeFiles())]
}

async function throughput(): Promise<Expectation> {
  // Both stay, so that their threads have started and their code is compiled when the clock runs.
  const rooms = { off: await Room.open({ slots: 1, maxRunningJobs: 1 }), on: await Room.open({ slots: SLOTS, maxRunningJobs: PROJECTS }) }
  const { off, on } = await inTurn({ off: () => rooms.off.measure(), on: () => rooms.on.measure() })
  await rooms.off.close()
  await rooms.on.close()
  return {
    figure: 'job throughput',
    promised: { kind: 'times', least: 2, most: 3 },
    unit: 'records/s',
    off: {
      what: `${PROJECTS} match jobs of ${ROWS.toLocaleString('en')} records a side, one after another in one slot`,
      value: off.perSecond,
    },
    on: { what: `all at once in ${SLOTS} slots, a thread each`, value: on.perSecond },
    note: `the slots’ threads and Postgres share ${availableParallelism()} cores here; a machine with more is not measured.`,
  }
}

/** A database with the sample's projects, and a worker for them. */
class Room {
  readonly #jobs: Jobs
  readonly #projects: readonly ProjectId[]
  readonly close: () => Promise<void>

  private constructor(jobs: Jobs, projects: readonly ProjectId[], close: () => Promise<void>) {
    this.#jobs = jobs
    this.#projects = projects
    this.close = close
  }

  static async open(options: JobsOptions): Promise<Room> {
    const { db, close } = await openBenchDatabase()
    const projects: ProjectId[] = []
    for (let seed = 1; seed <= PROJECTS; seed++) projects.push(await importSample(db, { seed, rows: ROWS }))
    await db.$executeRawUnsafe('analyze')
    const jobs = new Jobs(db, options)
    return new Room(jobs, projects, async () => {
      await jobs.stop()
      await close()
    })
  }

  async measure() {
    return { perSecond: (PROJECTS * 2 * ROWS * 1_000) / (await this.#jobs.match(this.#projects)) }
  }
}

/** Two rows: what the process takes at its largest, and what of that is in use. */
async function largeFiles(): Promise<Expectation[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tallyroom-bench-'))
  try {
    const { right: file } = await writeSample(folder, { seed: 1, rows: FILE_ROWS })
    const measure = async (as: Import['as'], memory: Import['memory']) => {
      const child = new Child('importer')
      try {
        const { rows, ms, peakBytes } = await child.ask<Imported>({ file, as, memory } satisfies Import)
        if (rows !== FILE_ROWS) throw new Error(`${rows} rows were read`)
        return { seconds: ms / 1_000, megabytes: peakBytes / 1_000_000 }
      } finally {
        await child.end()
      }
    }
    const inBoth = (memory: Import['memory']) => inTurn({ off: () => measure('whole', memory), on: () => measure('stream', memory) })
    const [resident, live] = [await inBoth('resident'), await inBoth('live')]
    const rowOf = (what: string, { off, on }: typeof resident): Expectation => ({
      figure: 'large files',
      promised: { kind: 'less', least: 0.4, most: 0.6 },
      unit: 'MB',
      off: {
        what: `${what} that reading ${FILE_ROWS.toLocaleString('en')} rows of CSV adds at its peak, the file read as a whole`,
        value: off.megabytes,
      },
      on: { what: 'streamed, as uploads are', value: on.megabytes },
    })
    const { size } = await stat(file)
    return [
      {
        ...rowOf('resident memory', resident),
        note: `the file has ${(size / 1_000_000).toFixed(1)} MB. The first row is what the system gives the process, with the garbage that V8 lets lie before it collects, which is the same however the file is read; the second one is what is in use, right after a collection. Also from one piece rows are taken in batches, so off holds the file, but never all of its rows. Reading takes ${resident.off.seconds.toFixed(1)} s of the whole file and ${resident.on.seconds.toFixed(1)} s streamed.`,
      },
      rowOf('memory in use', live),
    ]
  } finally {
    await rm(folder, { recursive: true })
  }
}
