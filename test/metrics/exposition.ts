import { Metrics } from '../../src/metrics/metrics.js'
import { CLOSE_CODES } from '../../src/protocol/close-codes.js'

/** What a process would have, with nothing to read yet. */
export function newMetrics(): Metrics {
  return new Metrics({ version: '1.2.3', role: 'all', transport: 'ws', closeCodes: Object.values(CLOSE_CODES) })
}

/** The value of a sample as the text has it; null when it is not there. */
export function sampleOf(text: string, sample: string): number | null {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `))
  return line === undefined ? null : Number(line.slice(sample.length + 1))
}
