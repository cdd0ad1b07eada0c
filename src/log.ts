import pino, { type Logger } from 'pino'

export type Log = Logger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Fields that hold credentials, whoever logs them. */
const SECRET_FIELDS = ['token', 'ticket', 'secret', 'password', 'authorization', 'cookie']
/** At the top, in an object, and in an object of an object: nobody logs anything deeper. */
const DEPTHS = ['', '*.', '*.*.']

/** JSON lines on standard error, so that standard output stays for people and pipes. Credentials never get in: their fields are cut. */
export function createLog(level: LogLevel): Log {
  const redact = [...DEPTHS.flatMap((depth) => SECRET_FIELDS.map((field) => depth + field)), 'req.headers', 'err.headers']
  return pino({ level, redact, base: null }, pino.destination({ dest: 2, sync: true }))
}
