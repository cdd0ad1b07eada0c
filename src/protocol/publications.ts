// What is published through HTTP or a session (PROTOCOL §5). Plain types: the SDK reads this file too.

import { MAX_FRAME_DEPTH } from './messages.js'

/** An event; with `id`, at most once in ten minutes under it. */
export interface EventPublication {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  /** Idempotency key, 1 to {@link MAX_ID_CHARS} characters. */
  readonly id?: string
}

/** The newest state of a key; `data` null: gone. Without `version`: the stored one + 1. */
export interface LatestPublication {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>> | null
  readonly key: string
  readonly version?: number
}

export type Publication = EventPublication | LatestPublication

/** What became of a publication. */
export type PublishResult =
  | { readonly id: string; readonly seq: number }
  /** The id was seen before: `seq` is of then, and nothing was published. */
  | { readonly id: string; readonly seq: number; readonly duplicate: true }
  | { readonly key: string; readonly version: number }
  /** `version` is the stored one, which is not older. */
  | { readonly key: string; readonly version: number; readonly refused: true }

/** The answer to a publish; results stand in the order of the publications. */
export interface PublishReply {
  readonly epoch: string
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
/** Nesting of `data`, itself 1: what a frame can carry. */
export const MAX_DATA_DEPTH = MAX_FRAME_DEPTH - 3
