import { Prisma } from './client.js'

/** The five characters by which Postgres names what went wrong (`23505` a value that must be unique), or null for another error. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return null
  const cause = (error.meta?.driverAdapterError as { readonly cause?: unknown } | undefined)?.cause
  const state = (cause as { readonly originalCode?: unknown } | undefined)?.originalCode
  return typeof state === 'string' ? state : null
}

/**
 * Unreachable server, no free connection, a transaction that did not get one in time: Prisma's codes for "try again", and our own, which
 * Prisma takes over when the pool has answered so.
 */
const BUSY = new Set(['DB_BUSY', 'P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'])

/** A lock that did not come in time, a statement that took too long, too many connections, a server that goes away or comes up. */
const BUSY_STATES = new Set(['55P03', '57014', '53300', '57P01', '57P02', '57P03'])

/** Whether the database could not be asked at all, or not now, so that the same request may succeed later. */
export function isDatabaseBusy(error: unknown): boolean {
  if (error instanceof Prisma.PrismaClientInitializationError) return true
  if (error instanceof Prisma.PrismaClientKnownRequestError && BUSY.has(error.code)) return true
  return BUSY_STATES.has(sqlStateOf(error) ?? '')
}
