import { describe, expect, test } from 'vitest'
import { ProgressBar } from '../../src/commands/progress-bar.js'
import type { JobView } from '../../src/protocol/views.js'

const JOB: JobView = {
  id: 'j',
  project: 'p',
  kind: 'match',
  state: 'running',
  dryRun: false,
  ruleSet: null,
  phase: 'amount, date and text: comparing',
  processed: 1,
  total: 100,
  matched: 11_096,
  suggested: 568,
  breaks: 1_233,
  percent: 1,
  rowsPerSecond: 4_253,
  etaMs: 12_300,
  controlTotals: null,
  notices: [],
  resultHash: null,
  error: null,
  createdBy: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  startedAt: null,
  endedAt: null,
  version: 1,
}

class Stream {
  readonly isTTY: boolean
  readonly columns: number
  text = ''

  constructor(options: { readonly isTTY: boolean; readonly columns?: number }) {
    this.isTTY = options.isTTY
    this.columns = options.columns ?? 80
  }

  write(text: string): void {
    this.text += text
  }
}

describe('where there is no terminal', () => {
  test('says a line for each tenth, and nothing twice', () => {
    const stream = new Stream({ isTTY: false })
    const bar = new ProgressBar(stream)
    for (const percent of [0, 4, 10, 12, 9, 19, 35, 100]) bar.show({ ...JOB, percent })
    bar.end()
    expect(stream.text.match(/^ *\d+ % · /gm)).toEqual(['  0 % · ', ' 10 % · ', ' 35 % · ', '100 % · '])
  })
})

describe('on a terminal', () => {
  test('moves one line that never wraps, whatever there is to say', () => {
    for (const columns of [20, 40, 60, 80, 200]) {
      const stream = new Stream({ isTTY: true, columns })
      const bar = new ProgressBar(stream)
      bar.show(JOB)
      bar.show({ ...JOB, percent: 100 })
      bar.showShare('importing a-file-with-a-very-long-name-that-nobody-should-give-to-any-file.csv', 0.5)
      for (const line of stream.text.split('\r').map((text) => text.replace('\x1b[K', ''))) {
        expect(line).not.toContain('\n')
        expect([...line].length).toBeLessThan(Math.max(columns, 30))
      }
    }
  })

  test('leaves what is said on lines of their own', () => {
    const stream = new Stream({ isTTY: true })
    const bar = new ProgressBar(stream)
    bar.end()
    bar.showShare('importing bank.csv', 0.5)
    bar.say('imported bank.csv: 2 rows')
    bar.say('done')
    bar.show(JOB)
    bar.end()
    bar.end()
    expect(stream.text.replaceAll('\x1b[K', '|')).toMatch(/importing bank\.csv\|\r\|imported bank\.csv: 2 rows\ndone\n\r.+\|\n$/)
  })
})
