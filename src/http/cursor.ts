import { z } from 'zod'
import { AppError } from '../errors.js'
import { id } from './validation.js'

/** A list's answer. `nextCursor` null: there is no more. */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
}

const ID_KEY = z.tuple([id<string>()])

/** The key of the last item of the page before, or null on the first page. @throws AppError `INVALID` for a cursor that is none of ours. */
export function readCursor<Key>(cursor: string | undefined, key: z.ZodType<Key>): Key | null {
  if (cursor === undefined) return null
  try {
    return key.parse(JSON.parse(Buffer.from(cursor, 'base64url').toString()))
  } catch (cause) {
    throw new AppError('INVALID', { problems: [{ path: 'cursor', message: 'must be a nextCursor of this list' }], cause })
  }
}

/** {@link readCursor} for a list in order of ids. */
export function readIdCursor(cursor: string | undefined): string | null {
  return readCursor(cursor, ID_KEY)?.[0] ?? null
}

/**
 * The page from `limit + 1` rows: the one too many says that there is more. `keyOf` names what the list is ordered by; it is opaque to
 * clients, so it may change with the order.
 */
export function pageOf<Item>(rows: readonly Item[], limit: number, keyOf: (item: Item) => readonly unknown[]): Page<Item> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const hasMore = rows.length > limit && last !== undefined
  return { items, nextCursor: hasMore ? Buffer.from(JSON.stringify(keyOf(last))).toString('base64url') : null }
}

/** {@link pageOf} for a list in order of ids. */
export function idPageOf<Item extends { readonly id: string }>(rows: readonly Item[], limit: number): Page<Item> {
  return pageOf(rows, limit, (item) => [item.id])
}
