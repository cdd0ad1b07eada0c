// Reads a file as an import does, in a process of its own, and says what it took.
import { createReadStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { CsvParser } from '../../src/imports/csv-parser.js'
import { answer } from './child.js'

export interface Import {
  readonly file: string
  /** In pieces, as an upload arrives, or in one. */
  readonly as: 'stream' | 'whole'
}

export interface Imported {
  readonly rows: number
  readonly ms: number
  /** What the process had at its largest more than before, resident. */
  readonly peakBytes: number
}

async function readRows({ file, as }: Import): Promise<Imported> {
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  const startedAt = performance.now()
  const statement = await new CsvParser().open(as === 'stream' ? createReadStream(file) : inOnePiece(file), {})
  let rows = 0
  for await (const batch of statement.rows()) rows += batch.length
  return { rows, ms: performance.now() - startedAt, peakBytes: process.resourceUsage().maxRSS * 1_024 - before }
}

async function* inOnePiece(file: string): AsyncGenerator<Uint8Array> {
  yield await readFile(file)
}

answer<Import>(readRows)
