// Reads a file as an import does, in a process of its own, and says what it took.
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { CsvParser } from '../../src/imports/csv-parser.js'
import { answer } from './child.js'

export interface Import {
  readonly file: string
  /** In pieces, as an upload arrives, or in one. */
  readonly as: 'stream' | 'whole'
  /** All that the process has, garbage too, or what a collection leaves of it. */
  readonly memory: 'resident' | 'live'
}

export interface Imported {
  readonly rows: number
  readonly ms: number
  /** What the process had at its largest more than before. */
  readonly peakBytes: number
}

/** Live memory is looked at so often: a collection takes longer than a batch. */
const BATCHES_PER_LOOK = 5

async function readRows({ file, as, memory }: Import): Promise<Imported> {
  const before = memory === 'live' ? liveBytes() : residentBytes()
  const startedAt = performance.now()
  const statement = await new CsvParser().open(as === 'stream' ? createReadStream(file) : inOnePiece(file), {})
  let rows = 0
  let batches = 0
  let peak = before
  for await (const batch of statement.rows()) {
    rows += batch.length
    if (memory === 'live' && batches++ % BATCHES_PER_LOOK === 0) peak = Math.max(peak, liveBytes())
  }
  if (memory === 'resident') peak = process.resourceUsage().maxRSS * 1_024
  return { rows, ms: performance.now() - startedAt, peakBytes: peak - before }
}

function residentBytes(): number {
  globalThis.gc?.()
  return process.memoryUsage.rss()
}

function liveBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

async function* inOnePiece(file: string): AsyncGenerator<Uint8Array> {
  yield await readFile(file)
}

answer<Import>(readRows)
