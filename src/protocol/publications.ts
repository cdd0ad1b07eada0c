// The limits of what is published through HTTP or a session, and its answer (PROTOCOL §5). Publications and results
// themselves are part of messages.ts. Plain types: the SDK reads this file too.

import { MAX_FRAME_DEPTH, type PublishResult } from './messages.js'

/** The answer to a publish; results stand in the order of the publications. */
export interface PublishReply {
  /** Of the results; null when all that could be taken is queued. */
  readonly epoch: string | null
  readonly results: readonly PublishResult[]
}

/** A publication that cannot be taken; with one of them none is. */
export interface PublicationProblem {
  /** From 0. */
  readonly index: number
  readonly path: string
  readonly message: string
}

/** Publications of one publish (P1). */
export const MAX_PUBLICATIONS = 1_000
/** `data` of an event, in bytes of JSON in UTF-8 (P1). */
export const MAX_EVENT_DATA_BYTES = 32 * 1024
/** `data` of a latest value, in bytes of JSON in UTF-8 (D4). */
export const MAX_LATEST_DATA_BYTES = 8 * 1024
/** Characters of an id, counted as code points. */
export const MAX_ID_CHARS = 128
/** Nesting of `data`, itself 1: what a frame can carry (C6). */
export const MAX_DATA_DEPTH = MAX_FRAME_DEPTH - 3
