import type { FastifyTypeProvider } from 'fastify'
import { z } from 'zod'
import { AppError, type FieldProblem } from '../errors.js'
import { parseId } from '../ids.js'
import { MAX_NOTE_CHARS } from '../protocol/views.js'

/** Gives handlers the types of their zod schemas. */
export interface ZodTypes extends FastifyTypeProvider {
  validator: this['schema'] extends z.ZodType ? z.output<this['schema']> : unknown
}

/** Fastify's validator for zod schemas. What a handler gets has been parsed; what is wrong is `INVALID` and names every field. */
export function compileValidator({ schema }: { readonly schema: unknown }) {
  return (data: unknown): { value: unknown } | { error: Error } => {
    // Routes give zod schemas only; Fastify's type for them is unknown.
    const parsed = (schema as z.ZodType).safeParse(data)
    if (parsed.success) return { value: parsed.data }
    return { error: new AppError('INVALID', { problems: problemsOf(parsed.error) }) }
  }
}

/** Zod's issues as fields of a problem document: dotted path below `within`, message without capital. */
export function problemsOf(error: z.ZodError, ...within: readonly string[]): FieldProblem[] {
  return error.issues.map(({ path, message }) => ({
    path: [...within, ...path].join('.'),
    message: message[0]!.toLowerCase() + message.slice(1),
  }))
}

/**
 * What no text of ours holds: Postgres takes no NUL and no half of a character (\p{Cs}), and nobody means to type the others. Line breaks
 * and tabs are text.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
const CONTROL_CHARACTERS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\p{Cs}]/u

/** Text of at most `maxLength` characters, trimmed, without control characters. */
export function text(maxLength: number) {
  return z
    .string()
    .trim()
    .max(maxLength)
    .refine((value) => !CONTROL_CHARACTERS.test(value), 'must not have control characters')
}

/** What somebody writes about it; null or empty: nothing. */
export const note = text(MAX_NOTE_CHARS).nullish()

/** The same, not empty. */
export function name(maxLength: number) {
  return text(maxLength).pipe(z.string().min(1, 'must not be empty'))
}

/** The version that a change was made on: an `integer` of Postgres. */
export const version = z.int().min(1).max(2_147_483_647)

/** A confidence as decimal text. */
export const confidence = z
  .string()
  .regex(/^(0(\.\d{1,5})?|1(\.0{1,5})?)$/, 'must be a decimal number from 0 to 1, with at most five decimals')

/** A flag of a query. */
export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true')

/** An id inside a body or a query, in canonical form. */
export function id<Id extends string>() {
  return z.string().transform((value, context): Id => {
    const parsed = parseId<Id>(value)
    if (parsed !== null) return parsed
    context.addIssue({ code: 'custom', message: 'must be a UUID' })
    return z.NEVER
  })
}

/** The id of the path. @throws AppError `NOT_FOUND`: what is no id names nothing. */
export function pathId<Id extends string>(value: string, noun: string): Id {
  const parsed = parseId<Id>(value)
  if (parsed === null) throw new AppError('NOT_FOUND', { message: `no such ${noun}` })
  return parsed
}

/** `limit` and `cursor` of every list. */
export const page = {
  limit: z
    .string()
    .regex(/^\d{1,6}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(1).max(500))
    .default(50),
  cursor: z.string().max(1000).optional(),
}
