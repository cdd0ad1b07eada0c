import type { MatchView } from '../../src/protocol/views.js'

/** A suggestion, with what a test says of it. */
export function matchView(id: string, news: Partial<MatchView> = {}): MatchView {
  return {
    id,
    project: 'p',
    job: null,
    rule: 'r',
    cardinality: '1:1',
    status: 'proposed',
    automatic: false,
    left: ['l'],
    right: ['r'],
    confidence: '0.90000',
    currency: 'EUR',
    amountDifference: '0',
    explanation: { pass: 'r', summary: 'amount equal', gates: [], levels: [], prior: null, margin: null, alternatives: 0 },
    decidedBy: null,
    decidedAt: null,
    version: 1,
    ...news,
  }
}
