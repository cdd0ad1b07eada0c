import type { ClientMessage, ServerMessage } from '../../src/protocol/messages.js'

/** A message of which the exact frames are kept. Between them they use every field, and every kind of value. */
export interface GoldenMessage {
  readonly name: string
  readonly from: 'client' | 'server'
  readonly message: ClientMessage | ServerMessage
}

const project = '01900000-0000-7000-8000-000000000001'
const at = '2026-01-02T03:04:05.678Z'
const position = { epoch: '0123456789abcdef', seq: 7, id: '01900000-0000-7000-8000-000000000007' }
const requestId = '01900000-0000-7000-8000-00000000000f'
const events = [
  {
    seq: 8,
    id: 'order/8',
    at,
    type: 'order.paid',
    actor: 'feed',
    data: { amount: '12.50', lines: [1, -1, 300, 70_000, 2 ** 40, 0.5], note: null },
  },
  { seq: 9, id: 'é€😀', at, type: 'order.paid', actor: null, data: { nested: { list: [[], {}], yes: true, no: false } }, trace: requestId },
]
const latest = [
  { key: 'job/1', version: 3, at, type: 'job.progress', data: { percent: 42 } },
  { key: 'level', version: 4, at, type: 'order.level', data: null },
]
const snapshot = {
  project: { id: project, name: 'Demo', currency: 'EUR', settings: { passes: 2 }, createdAt: at, version: 1 },
  summary: { revision: 5, totals: [], controlTotals: null, activeJobs: 0, suggestions: 0, breaks: 0, unmatched: 0 },
  jobs: [],
}

const CLIENT: Readonly<Record<string, ClientMessage>> = {
  'hello with nothing': { type: 'hello' },
  'hello with everything': {
    type: 'hello',
    token: 'a.b.c',
    client: { name: 'demo', version: '1.2.3' },
    joins: [
      { ref: 1, project },
      { ref: 2, project, since: position, presence: { at: 'page 1' } },
    ],
  },
  join: { type: 'join', ref: 3, project },
  'join that resumes': { type: 'join', ref: 4, project, since: position },
  'join of who never received an event': { type: 'join', ref: 5, project, since: { epoch: position.epoch, seq: 0, id: '' } },
  leave: { type: 'leave', ref: 6, project },
  presence: { type: 'presence', project, state: { page: 'matches', match: null } },
  claim: { type: 'claim', ref: 9, project, target: `match/${requestId}` },
  'claim with a time': { type: 'claim', ref: 10, project, target: `record/${requestId}`, ttlMs: 120_000 },
  release: { type: 'release', ref: 11, project, target: `match/${requestId}` },
  publish: {
    type: 'publish',
    ref: 7,
    project,
    events: [
      { type: 'order.paid', data: { amount: '12.50' }, id: 'order/8' },
      { type: 'order.level', data: { level: 1 }, key: 'level', version: 4 },
      { type: 'order.level', data: null, key: 'level' },
    ],
  },
  'publish without an answer': { type: 'publish', project, events: [{ type: 'order.paid', data: {} }] },
  refresh: { type: 'refresh', ref: 8, token: 'd.e.f' },
  pong: { type: 'pong', at },
}

const SERVER: Readonly<Record<string, ServerMessage>> = {
  welcome: {
    type: 'welcome',
    session: requestId,
    user: { id: 'ana', name: 'Ana' },
    node: 'node-1',
    heartbeat: { intervalMs: 25_000, timeoutMs: 10_000 },
    limits: { maxFrameBytes: 65_536, maxProjects: 100, framesPerSecond: 50 },
    tokenExpiresAt: at,
    serverTime: at,
  },
  'joined with a snapshot': { type: 'joined', ref: 1, project, role: 'analyst', position, mode: 'snapshot', snapshot, events: [], latest },
  'joined and resumed': { type: 'joined', ref: 2, project, role: 'viewer', position, mode: 'resumed', snapshot: null, events, latest: [] },
  left: { type: 'left', ref: 6, project, reason: 'left' },
  'left by revocation': { type: 'left', ref: null, project, reason: 'revoked' },
  deliver: { type: 'deliver', project, epoch: position.epoch, events, latest },
  rejoin: { type: 'rejoin', project, reason: 'lagged' },
  'deliver of who is here': {
    type: 'deliver',
    project,
    epoch: position.epoch,
    events: [],
    latest: [
      {
        key: `presence/${requestId}`,
        version: 2,
        at,
        type: 'presence',
        data: { user: { id: 'ana', name: 'Ana' }, state: { page: 'matches' } },
      },
      { key: 'presence/count', version: 5, at, type: 'presence', data: { count: 1 } },
      { key: `claim/match/${requestId}`, version: 1, at, type: 'claim', data: { user: { id: 'ana', name: 'Ana' }, until: at } },
    ],
  },
  claimed: { type: 'claimed', ref: 9, project, target: `match/${requestId}`, until: at },
  'ack of publish': {
    type: 'ack',
    ref: 7,
    epoch: position.epoch,
    results: [
      { id: 'order/8', seq: 8 },
      { id: 'order/7', seq: 7, duplicate: true },
      { id: 'order/6', seq: 6, epoch: 'fedcba9876543210', duplicate: true },
      { id: 'order/9', queued: true },
      { key: 'level', version: 4 },
      { key: 'level', version: 5, refused: true },
    ],
  },
  'ack of refresh': { type: 'ack', ref: 8 },
  'ack of release': { type: 'ack', ref: 11 },
  status: { type: 'status', bus: 'degraded' },
  expiring: { type: 'expiring', at },
  goaway: { type: 'goaway', reconnectAfterMs: 12_345, deadlineAt: at },
  ping: { type: 'ping', at },
  error: { type: 'error', ref: null, code: 'UNKNOWN_TYPE', message: 'unknown message type', retryable: false, requestId },
  'error of a claim': {
    type: 'error',
    ref: 9,
    code: 'CLAIMED',
    message: 'Ben is on it',
    retryable: false,
    details: { user: { id: 'ben', name: 'Ben' }, until: at },
    requestId,
  },
  'error with everything': {
    type: 'error',
    ref: 7,
    code: 'RATE_LIMITED',
    message: 'too many frames',
    retryable: true,
    retryAfterMs: 20,
    details: { items: [] },
    requestId,
  },
}

export const GOLDEN_MESSAGES: readonly GoldenMessage[] = [
  ...Object.entries(CLIENT).map(([name, message]) => ({ name, from: 'client' as const, message })),
  ...Object.entries(SERVER).map(([name, message]) => ({ name, from: 'server' as const, message })),
]
