import { readlinkSync } from 'node:fs'
import { setPriority } from 'node:os'

const NICENESS = 10

/**
 * Puts the calling thread, and what it starts from now on, below the threads that answer people. Linux alone gives each thread a priority
 * of its own (`/proc/thread-self`, `setpriority(2)`); elsewhere all stay equal.
 */
export function yieldToOthers(): void {
  try {
    setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), NICENESS)
  } catch {
    // Where there is no such file, or no such right, jobs take what people would have had: slower, not wrong.
  }
}
