import pino, { type Logger } from 'pino'

export type Log = Logger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** JSON lines on standard error, so that standard output stays for people and pipes. Credentials never get in: their fields are cut. */
export function createLog(level: LogLevel): Log {
  return pino(
    { level, redact: ['*.token', '*.authorization', '*.cookie', '*.secret', 'req.headers'], base: null },
    pino.destination({ dest: 2, sync: true }),
  )
}
