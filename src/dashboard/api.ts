import type {
  BreakStatus,
  BreakView,
  JobView,
  MatchView,
  MemberView,
  ProjectView,
  RecordView,
  Role,
  Side,
  SourceView,
  Summary,
  UserRef,
} from '../protocol/views.js'
import type { Mapping } from './mapping.js'

export interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
}

/** Breaks with the rows that they are. */
export interface BreakPage extends Page<BreakView> {
  readonly records: readonly RecordView[]
  /** On all pages, where that was asked. */
  readonly count?: number
}

/** What a job is started with; absent: the default rules. */
export interface JobSettings {
  /** Id of the rules of an earlier job. */
  readonly ruleSet?: string
  readonly dryRun?: boolean
}

export interface Me {
  readonly user: UserRef
  readonly projects: readonly { readonly id: string; readonly name: string; readonly role: Role }[]
  readonly liveUrl: string
}

export interface FieldProblem {
  readonly path: string
  readonly message: string
  readonly readings?: readonly { readonly value: string; readonly example: string }[]
}

/** What somebody said about a match. */
export interface HistoryEntry {
  readonly decision: string
  readonly user: UserRef
  readonly note: string | null
  readonly at: string
  readonly version: number
}

export interface MatchDetail {
  readonly match: MatchView
  readonly leftRecords: readonly RecordView[]
  readonly rightRecords: readonly RecordView[]
  /** Other matches of the same records. */
  readonly alternatives: readonly MatchView[]
  readonly history: readonly HistoryEntry[]
}

export interface RecordDetail {
  readonly record: RecordView
  /** The row as it stands in the file: column name to text. */
  readonly payload: Readonly<Record<string, string>>
}

export interface DecisionItem {
  readonly match: string
  /** The version that was seen. */
  readonly version: number
  readonly decision: 'confirm' | 'reject'
  readonly note: string | null
}

export interface DecisionResult {
  readonly match: string
  readonly result: 'done' | 'conflict' | 'forbidden' | 'needs-second-person'
  readonly current: MatchView
}

/** Which suggestions a bulk decision means. */
export interface BulkFilter {
  readonly minConfidence: string
  readonly rule?: string
}

/** What a bulk decision would come to. */
export interface BulkPreview {
  readonly count: number
  /** Sums of the rows, per currency. */
  readonly value: readonly { readonly currency: string; readonly left: string; readonly right: string }[]
}

/** A match as it is after an act that can be undone. */
export interface Acted {
  readonly act: string
  readonly match: MatchView
}

export interface BreakChange {
  /** The version that was seen. */
  readonly version: number
  /** A user's id; null: nobody. */
  readonly assignee?: string | null
  readonly status?: BreakStatus
  readonly dueAt?: string | null
  readonly note?: string | null
}

export interface ManualMatch {
  readonly left: readonly string[]
  readonly right: readonly string[]
  readonly note?: string
  /** Why the sums differ. */
  readonly reason?: string
}

/** What the server, or the way to it, answered instead of a result. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly requestId: string | null
  readonly problems: readonly FieldProblem[]
  readonly retryAfterMs: number | null
  /** What else the problem document says. */
  readonly details: Readonly<Record<string, unknown>>
  /** For a file whose columns can be read in two ways: what was decided until then. */
  readonly mapping: Mapping | null

  constructor(
    message: string,
    about: {
      readonly code: string
      readonly status: number
      readonly requestId?: string | null
      readonly problems?: readonly FieldProblem[]
      readonly retryAfterMs?: number | null
      readonly mapping?: Mapping | null
      readonly details?: Readonly<Record<string, unknown>>
    },
  ) {
    super(message)
    this.name = 'ApiError'
    this.code = about.code
    this.status = about.status
    this.requestId = about.requestId ?? null
    this.problems = about.problems ?? []
    this.retryAfterMs = about.retryAfterMs ?? null
    this.mapping = about.mapping ?? null
    this.details = about.details ?? {}
  }
}

/** Whatever was thrown, as something that can be shown. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('something went wrong on this page', { code: 'INTERNAL', status: 0 })
}

type Query = Readonly<Record<string, string | number | null | undefined>>

let onSignedOut: () => void = () => undefined

/** `handler` is called whenever the server says that nobody is signed in. */
export function watchSignedOut(handler: () => void): void {
  onSignedOut = handler
}

export const api = {
  redeem: (code: string) => request<{ user: UserRef }>('POST', '/v1/sessions', { body: { code }, isSignIn: true }),
  signOut: () => request<undefined>('DELETE', '/v1/sessions/current', { isSignIn: true }),
  me: () => request<Me>('GET', '/v1/me', { isSignIn: true }),
  projects: (cursor: string | null) => request<Page<ProjectView>>('GET', '/v1/projects', { query: { limit: 50, cursor } }),
  createProject: (body: { name: string; currency?: string }) => request<{ project: ProjectView }>('POST', '/v1/projects', { body }),
  summary: (project: string) => request<Summary>('GET', `/v1/projects/${project}/summary`),
  removeSource: (project: string, source: string) => request<undefined>('DELETE', `/v1/projects/${project}/sources/${source}`),
  sources: (project: string) => request<Page<SourceView>>('GET', `/v1/projects/${project}/sources`, { query: { limit: 100 } }),
  jobs: (project: string, query: Query) => request<Page<JobView>>('GET', `/v1/projects/${project}/jobs`, { query }),
  startJob: (project: string, like: JobSettings = {}) =>
    request<{ job: JobView }>('POST', `/v1/projects/${project}/jobs`, { body: { kind: 'match', ...like } }),
  cancelJob: (project: string, job: string) => request<{ job: JobView }>('POST', `/v1/projects/${project}/jobs/${job}/cancel`),
  matches: (project: string, query: Query) => request<Page<MatchView>>('GET', `/v1/projects/${project}/matches`, { query }),
  match: (project: string, match: string) => request<MatchDetail>('GET', `/v1/projects/${project}/matches/${match}`),
  createMatch: (project: string, body: ManualMatch) => request<Acted>('POST', `/v1/projects/${project}/matches`, { body }),
  records: (project: string, query: Query) => request<Page<RecordView>>('GET', `/v1/projects/${project}/records`, { query }),
  breaks: (project: string, query: Query) => request<BreakPage>('GET', `/v1/projects/${project}/breaks`, { query }),
  record: (project: string, record: string) => request<RecordDetail>('GET', `/v1/projects/${project}/records/${record}`),
  decide: (project: string, items: readonly DecisionItem[]) =>
    request<{ act: string; items: readonly DecisionResult[] }>('POST', `/v1/projects/${project}/decisions`, { body: { items } }),
  countBulk: (project: string, filter: BulkFilter) =>
    request<BulkPreview>('POST', `/v1/projects/${project}/decisions/bulk`, { body: { filter, dryRun: true } }),
  decideBulk: (project: string, filter: BulkFilter, expectedCount: number) =>
    request<{ act: string; count: number }>('POST', `/v1/projects/${project}/decisions/bulk`, { body: { filter, expectedCount } }),
  undo: (project: string, act: string) => request<{ count: number }>('POST', `/v1/projects/${project}/decisions/undo`, { body: { act } }),
  removeMatch: (project: string, match: string, body: { readonly version: number; readonly note?: string }) =>
    request<Acted>('DELETE', `/v1/projects/${project}/matches/${match}`, { body }),
  members: (project: string) => request<Page<MemberView>>('GET', `/v1/projects/${project}/members`, { query: { limit: 100 } }),
  putMember: (project: string, user: string, body: { readonly role: Role; readonly name?: string }) =>
    request<{ member: MemberView }>('PUT', `/v1/projects/${project}/members/${encodeURIComponent(user)}`, { body }),
  removeMember: (project: string, user: string) =>
    request<undefined>('DELETE', `/v1/projects/${project}/members/${encodeURIComponent(user)}`),
  changeBreak: (project: string, id: string, change: BreakChange) =>
    request<{ break: BreakView }>('PATCH', `/v1/projects/${project}/breaks/${id}`, { body: change }),
}

/** Where an export is downloaded from. */
export function exportUrl(project: string, what: 'matches' | 'breaks' | 'records', format: 'csv' | 'ndjson'): string {
  return `/v1/projects/${project}/export?what=${what}&format=${format}`
}

/** Where a file is sent to; `dryRun` reads it and stores nothing. */
export function sourceUrl(project: string, query: { side: Side; name: string; mapping?: string; dryRun?: 'true'; again?: 'true' }): string {
  return `/v1/projects/${project}/sources${queryText(query)}`
}

/** Sends a request and reads the JSON that answers it. @throws ApiError whatever went wrong. */
export async function request<Answer>(
  method: string,
  path: string,
  options: { readonly query?: Query; readonly body?: unknown; readonly file?: Blob; readonly isSignIn?: true } = {},
): Promise<Answer> {
  const init: RequestInit = { method, headers: { accept: 'application/json' }, credentials: 'same-origin' }
  if (options.file !== undefined) {
    init.body = options.file
    init.headers = { ...init.headers, 'content-type': 'application/octet-stream' }
  } else if (options.body !== undefined) {
    init.body = JSON.stringify(options.body)
    init.headers = { ...init.headers, 'content-type': 'application/json' }
  }
  let response: Response
  try {
    response = await fetch(`${path}${queryText(options.query ?? {})}`, init)
  } catch {
    throw new ApiError('the server cannot be reached', { code: 'UNREACHABLE', status: 0 })
  }
  const text = await response.text()
  // The server is our own: its answers have the shapes of the contract.
  if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as Answer
  const error = readProblem(response.status, text, response.headers.get('x-request-id'), response.headers.get('retry-after'))
  if (error.status === 401 && options.isSignIn === undefined) onSignedOut()
  throw error
}

/** The error that an answer describes, also when it is no problem document (a proxy's page, say). */
export function readProblem(status: number, text: string, requestId: string | null, retryAfter: string | null): ApiError {
  let body: { code?: string; detail?: string; title?: string; requestId?: string; errors?: FieldProblem[]; mapping?: Mapping } = {}
  try {
    body = JSON.parse(text)
  } catch {
    // Not ours; the status says enough.
  }
  return new ApiError(body.detail ?? body.title ?? `the server answered ${status}`, {
    code: body.code ?? 'UNKNOWN',
    status,
    requestId: body.requestId ?? requestId,
    problems: body.errors ?? [],
    retryAfterMs: retryAfter === null ? null : Number(retryAfter) * 1_000,
    mapping: body.mapping ?? null,
    details: { ...body },
  })
}

function queryText(query: Query): string {
  const parts = Object.entries(query).flatMap(([name, value]) =>
    value === null || value === undefined || value === '' ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
