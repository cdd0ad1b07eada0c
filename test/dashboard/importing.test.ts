import { describe, expect, test, vi } from 'vitest'
import { ApiError } from '../../src/dashboard/api.js'
import { canStart, type ImportCalls, Importing, willHaveBothSides } from '../../src/dashboard/importing.js'
import type { Mapping, ParsedRow, Preview } from '../../src/dashboard/mapping.js'
import type { Side, SourceView } from '../../src/protocol/views.js'

const row = (outcome: ParsedRow['outcome']): ParsedRow => ({ rowNo: 1, outcome, record: null, payload: {}, problems: [] })
const preview = (mapping: Mapping, ...outcomes: ParsedRow['outcome'][]): Preview => ({ mapping, doubts: [], rows: outcomes.map(row) })
const file = (name: string) => new File(['a;b'], name)
const source = { name: 'stored' } as SourceView
const noRows = { totals: [] }
const rowsOf = (side: Side) => ({ totals: [{ side, currency: 'EUR', state: 'open', count: 1, amount: '1' }] as const })

/** Everything is accepted, but for what `calls` does otherwise. */
function importingWith(calls: Partial<ImportCalls> = {}): Importing {
  return new Importing({
    preview: async (_side, _file, mapping) => preview(mapping ?? {}, 'accepted'),
    send: async () => ({ source }),
    startJob: async () => undefined,
    ...calls,
  })
}

const kinds = ({ state }: Importing) => [state.value.files.left.kind, state.value.files.right.kind]
const settled = (importing: Importing, ...expected: string[]) => vi.waitFor(() => expect(kinds(importing)).toEqual(expected))

describe('the files of an import', () => {
  test('dropped together go to both sides, are imported and compared, and make room for others', async () => {
    const importing = importingWith()
    importing.choose('right', [file('ledger.csv'), file('bank.csv')])
    await settled(importing, 'ready', 'ready')
    const isMatching = willHaveBothSides(importing.state.value, noRows)
    expect([isMatching, canStart(importing.state.value, isMatching)]).toEqual([true, true])
    expect(await importing.start(isMatching)).toBe(true)
    expect(kinds(importing)).toEqual(['empty', 'empty'])
  })

  test('of one side alone are imported without a job; a side that has rows already needs no file', async () => {
    let jobs = 0
    const importing = importingWith({ startJob: async () => void jobs++ })
    importing.choose('left', [file('bank.csv')])
    await settled(importing, 'ready', 'empty')
    expect(willHaveBothSides(importing.state.value, rowsOf('left'))).toBe(false)
    expect(willHaveBothSides(importing.state.value, rowsOf('right'))).toBe(true)
    expect(await importing.start(false)).toBe(false)
    expect([kinds(importing), jobs]).toEqual([['imported', 'empty'], 0])
    // Nothing more can be done before the other side has a file.
    expect([canStart(importing.state.value, false), canStart(importing.state.value, true)]).toEqual([false, true])
  })

  test.each([
    [['rejected', 'rejected'], false],
    [['rejected', 'warning'], true],
  ] as const)('whose first rows are %s can be imported: %s', async (outcomes, expected) => {
    const importing = importingWith({ preview: async () => preview({}, ...outcomes) })
    importing.choose('left', [file('bank.csv')])
    await settled(importing, 'ready', 'empty')
    expect(canStart(importing.state.value, true)).toBe(expected)
  })

  test('show the last mapping that was tried, whichever answer comes last', async () => {
    const answers: (() => void)[] = []
    const importing = importingWith({
      preview: (_side, _file, mapping) => new Promise((resolve) => answers.push(() => resolve(preview(mapping ?? {}, 'accepted')))),
    })
    const shown = preview({}, 'accepted')
    const tried = [
      importing.read('left', file('bank.csv'), { decimal: ',' }, shown),
      importing.read('left', file('bank.csv'), { decimal: '.' }, shown),
    ]
    for (const answer of answers.reverse()) answer()
    await Promise.all(tried)
    expect(importing.state.value.files.left).toMatchObject({ isReading: false, preview: { mapping: { decimal: '.' } } })
  })

  test('that are there already are told apart from those that are refused; neither starts a job', async () => {
    let jobs = 0
    const importing = importingWith({
      startJob: async () => void jobs++,
      send: async (side) => {
        throw new ApiError('no', { code: side === 'left' ? 'DUPLICATE_SOURCE' : 'INVALID', status: 409 })
      },
    })
    importing.choose('left', [file('bank.csv'), file('ledger.csv')])
    await settled(importing, 'ready', 'ready')
    expect(await importing.start(true)).toBe(false)
    expect(importing.state.value.files).toMatchObject({ left: { kind: 'duplicate' }, right: { refusal: { code: 'INVALID' } } })
    expect([jobs, canStart(importing.state.value, true)]).toEqual([0, false])
  })
})
