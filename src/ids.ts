import { randomUUID } from 'node:crypto'

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** A project's UUID. Only {@link parseProjectId} and {@link newId} make one. */
export type ProjectId = Brand<string, 'ProjectId'>
export type SourceId = Brand<string, 'SourceId'>
export type RecordId = Brand<string, 'RecordId'>
export type JobId = Brand<string, 'JobId'>
export type MatchId = Brand<string, 'MatchId'>
export type BreakId = Brand<string, 'BreakId'>
/** The token's `sub`: 1–128 printable characters, not a UUID of ours. */
export type UserId = Brand<string, 'UserId'>

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * A UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then a 12-bit counter that keeps ids of one
 * millisecond and process in the order they were made, then 62 random bits.
 */
export function newId<Id extends string = string>(now: number = Date.now()): Id {
  if (now > lastMs) {
    lastMs = now
    counter = 0
  } else if (++counter > 0xfff) {
    lastMs++
    counter = 0
  }
  const time = lastMs.toString(16).padStart(12, '0')
  // Variant and random bits stand in a UUIDv4 where they stand here, and Node keeps those in stock: 0.6 µs, with bytes of our own 2.3 µs.
  const random = randomUUID().slice(18)
  // The one place where a string becomes an id.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}${random}` as Id
}

/** The id in canonical lower case, or null for what is no UUID. */
export function parseId<Id extends string>(text: string): Id | null {
  return UUID.test(text) ? (text.toLowerCase() as Id) : null
}

/** The user id, or null when it is not 1–128 printable characters. */
export function parseUserId(text: string): UserId | null {
  return /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]{1,128}$/u.test(text) ? (text as UserId) : null
}

let lastMs = 0
let counter = 0
