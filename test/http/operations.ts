import type { Role } from '../../src/protocol/views.js'

/** What stands behind `:source`, `:record`, … of a path. */
export type PathThing = 'source' | 'record' | 'job' | 'match' | 'break' | 'user'

/** An operation inside a project. */
export interface Operation {
  /** Method and path as the route says it. */
  readonly route: string
  /** The least role. */
  readonly needs: Role
  readonly query?: string
  readonly body?: unknown
  /** Changes something when it is allowed. */
  readonly writes: boolean
}

const P = '/v1/projects/:project'

/** Every operation inside a project; a test compares it with the routes. */
export const OPERATIONS: readonly Operation[] = [
  { route: `GET ${P}`, needs: 'viewer', writes: false },
  { route: `PATCH ${P}`, needs: 'admin', body: { version: 1, name: 'x' }, writes: true },
  { route: `DELETE ${P}`, needs: 'admin', query: '?name=x', writes: true },
  { route: `GET ${P}/summary`, needs: 'viewer', writes: false },
  { route: `GET ${P}/members`, needs: 'viewer', writes: false },
  { route: `PUT ${P}/members/:user`, needs: 'admin', body: { role: 'viewer' }, writes: true },
  { route: `DELETE ${P}/members/:user`, needs: 'admin', writes: true },
  { route: `GET ${P}/sources`, needs: 'viewer', writes: false },
  { route: `POST ${P}/sources`, needs: 'analyst', query: '?side=left&name=x.csv', body: 'id,amount\n1,2\n', writes: true },
  { route: `GET ${P}/sources/:source`, needs: 'viewer', writes: false },
  { route: `GET ${P}/sources/:source/rejected`, needs: 'viewer', writes: false },
  { route: `DELETE ${P}/sources/:source`, needs: 'analyst', writes: true },
  { route: `GET ${P}/records`, needs: 'viewer', writes: false },
  { route: `GET ${P}/records/:record`, needs: 'viewer', writes: false },
  { route: `GET ${P}/jobs`, needs: 'viewer', writes: false },
  { route: `POST ${P}/jobs`, needs: 'analyst', body: { kind: 'match' }, writes: true },
  { route: `GET ${P}/jobs/:job`, needs: 'viewer', writes: false },
  { route: `POST ${P}/jobs/:job/cancel`, needs: 'analyst', writes: true },
  { route: `GET ${P}/matches`, needs: 'viewer', writes: false },
  { route: `GET ${P}/matches/:match`, needs: 'viewer', writes: false },
  { route: `POST ${P}/decisions`, needs: 'analyst', body: { items: [{ match: ':match', version: 1, decision: 'reject' }] }, writes: true },
  { route: `POST ${P}/decisions/bulk`, needs: 'analyst', body: { filter: { minConfidence: '1' }, expectedCount: 7 }, writes: true },
  { route: `POST ${P}/decisions/undo`, needs: 'analyst', body: { act: '01900000-0000-7000-8000-000000000001' }, writes: true },
  { route: `POST ${P}/matches`, needs: 'analyst', body: { left: [':record'], right: [':record'] }, writes: true },
  { route: `DELETE ${P}/matches/:match`, needs: 'analyst', body: { version: 1 }, writes: true },
  { route: `PATCH ${P}/breaks/:break`, needs: 'analyst', body: { version: 1, status: 'resolved' }, writes: true },
  { route: `GET ${P}/breaks`, needs: 'viewer', writes: false },
  { route: `POST ${P}/events`, needs: 'admin', body: { events: [{ type: 'order.paid', data: {} }] }, writes: true },
  { route: `GET ${P}/export`, needs: 'viewer', query: '?what=matches&format=ndjson', writes: false },
]

/** The operations outside of projects. */
export const OTHER_ROUTES = [
  'POST /v1/sessions',
  'DELETE /v1/sessions/current',
  'POST /v1/tickets',
  'GET /openapi.json',
  'GET /openapi.html',
  'GET /v1/live',
  'GET /v1/me',
  'GET /v1/projects',
  'POST /v1/projects',
]

/** What the operation's path or body names beside the project. */
export function thingOf({ route, body }: Operation): PathThing | null {
  const named = /:(source|record|job|match|break|user)\b/.exec(`${route} ${JSON.stringify(body)}`)?.[1]
  // One of the words of the pattern.
  return (named as PathThing | undefined) ?? null
}
