import type { ProjectId } from '../ids.js'
import type { BusEvent, BusLatest, BusMessage } from './bus.js'

/**
 * Reads a message of publish.lua (B3; its form stands in the script's header), or null for what is none. Bodies are
 * not parsed.
 */
export function parseBusMessage(project: ProjectId, text: string): BusMessage | null {
  const lines = text.split('\n')
  const [epoch, n, firstSeq, at, count] = (lines[0] ?? '').split(' ').map((part, index) => (index === 0 ? part : Number(part)))
  if (typeof epoch !== 'string' || !isCount(n) || !isCount(firstSeq) || !isCount(at) || !isCount(count)) return null
  if (lines.length !== 2 * count + 2) return null
  const events: BusEvent[] = []
  const latest: BusLatest[] = []
  const time = timestampOf(at)
  for (let line = 1; line <= 2 * count; line += 2) {
    const header = lines[line] ?? ''
    const body = lines[line + 1] ?? ''
    const [kind, second = ''] = header.split(' ', 2)
    if (kind === 'e') {
      // An id may contain spaces: it is the rest of the line.
      events.push({ seq: firstSeq + events.length, id: header.slice(3 + second.length), type: second, at: time, body })
    } else if (kind === 'l') {
      const type = header.split(' ', 3)[2] ?? ''
      latest.push({ key: header.slice(4 + second.length + type.length), version: Number(second), type, at: time, body })
    } else return null
  }
  return { project, epoch, n, events, latest }
}

/** RFC 3339 UTC of Unix milliseconds. */
export function timestampOf(ms: number): string {
  return new Date(ms).toISOString()
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
