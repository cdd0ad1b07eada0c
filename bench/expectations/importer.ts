// An import in a process of its own, which says what it took.
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { openDatabase } from '../../src/db/client.js'
import { importStatement } from '../../src/jobs/import.js'
import { answer } from './child.js'
import { ANA, newProject } from './sample-projects.js'

export interface Import {
  readonly databaseUrl: string
  readonly file: string
  /** In pieces, as an upload arrives, or read before. */
  readonly as: 'stream' | 'whole'
}

export interface Imported {
  readonly ms: number
  /** What the process had at its largest more than before, resident. */
  readonly peakBytes: number
}

async function importFile({ databaseUrl, file, as }: Import): Promise<Imported> {
  const { db, close } = await openDatabase({ address: { url: databaseUrl }, applicationName: 'bench' })
  const project = await newProject(db)
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  const startedAt = performance.now()
  const bytes = as === 'stream' ? createReadStream(file) : inOnePiece(file)
  await importStatement({ db, project, side: 'right', currency: 'EUR', name: 'ledger.csv', bytes, actor: ANA })
  const ms = performance.now() - startedAt
  await close()
  return { ms, peakBytes: process.resourceUsage().maxRSS * 1_024 - before }
}

async function* inOnePiece(file: string): AsyncGenerator<Uint8Array> {
  yield await readFile(file)
}

answer<Import>(importFile)
