import { z } from 'zod'
import type { Mapping } from '../imports/statement-parser.js'
import { text } from './validation.js'

const COLUMN = z.union([text(200), z.int().min(0).max(10_000)])
const COLUMN_REF = z.strictObject({ column: COLUMN })

/**
 * The `mapping` of an upload: every field overrides the guess. An unknown field is refused, because a misspelled one would silently
 * leave the guess in force.
 */
export const MAPPING = z.strictObject({
  externalId: COLUMN_REF.exactOptional(),
  reference: COLUMN_REF.exactOptional(),
  counterparty: COLUMN_REF.exactOptional(),
  memo: COLUMN_REF.exactOptional(),
  currency: z
    .union([COLUMN_REF, z.strictObject({ constant: z.string().regex(/^[A-Z]{3}$/, 'must be three capital letters') })])
    .exactOptional(),
  amount: z
    .union([
      COLUMN_REF.extend({ negate: z.boolean().exactOptional() }),
      z.strictObject({ debit: COLUMN, credit: COLUMN }),
      COLUMN_REF.extend({ sign: z.strictObject({ column: COLUMN, negative: text(50) }) }),
    ])
    .exactOptional(),
  date: COLUMN_REF.extend({ format: text(50) }).exactOptional(),
  decimal: z.enum(['.', ',']).exactOptional(),
  // Not trimmed: a space and a tab are what they often are.
  thousands: z.string().max(1).exactOptional(),
  separator: z.string().length(1).exactOptional(),
  encoding: text(40).exactOptional(),
  headerRow: z.int().min(0).max(1000).nullable().exactOptional(),
}) satisfies z.ZodType<Mapping>
