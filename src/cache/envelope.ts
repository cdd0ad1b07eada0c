import { Packr } from 'msgpackr'
import type { SharedEntry } from './shared-level.js'

const packr = new Packr({ useRecords: false })

/** A value with its revision, as it is kept outside of this process; its length is what it weighs inside, too. */
export function packEntry(value: unknown, revision: number): Uint8Array {
  return packr.pack([Number.isFinite(revision) ? revision : null, value])
}

export function unpackEntry(packed: Uint8Array): Pick<SharedEntry, 'value' | 'revision' | 'bytes'> {
  // Written by {@link packEntry} alone.
  const [revision, value] = packr.unpack(packed) as [number | null, unknown]
  return { value, revision: revision ?? Number.NEGATIVE_INFINITY, bytes: packed.byteLength }
}
