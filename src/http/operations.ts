import { z } from 'zod'
import {
  breakView,
  jobView,
  matchView,
  memberView,
  projectView,
  recordView,
  sourceView,
  summaryView,
  userRef,
} from '../protocol/view-schemas.js'
import { ROLES } from '../protocol/views.js'
import { MAPPING } from './mapping.js'

/** What an operation does and answers when all is well; the rest follows from its route. */
export interface Operation {
  readonly summary: string
  readonly status: 200 | 201 | 202 | 204
  /** Null: an answer without a body. */
  readonly answer: z.ZodType | null
  /** Of the answer. Default JSON. */
  readonly mediaTypes?: readonly string[]
  /** Of the request. Default JSON, where the route has a schema for its body. */
  readonly takes?: string
}

/** The views and problems by the names that the document gives them. */
export const NAMED_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  UserRef: userRef,
  ProjectView: projectView,
  MemberView: memberView,
  SourceView: sourceView,
  RecordView: recordView,
  JobView: jobView,
  MatchView: matchView,
  BreakView: breakView,
  Summary: summaryView,
  Problem: z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    requestId: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  }),
}

const listOf = (item: z.ZodType) => z.object({ items: z.array(item), nextCursor: z.string().nullable() })
const text = z.string()
const maybeText = z.string().nullable()
const count = z.int().nonnegative()
const act = text.describe('undo takes it back')
const problems = z.array(z.object({ row: count, column: maybeText, message: text }))
const project = { summary: '', answer: z.object({ project: projectView }) }
const decision = z.object({ decision: text, user: userRef, note: maybeText, at: text, version: count })
const published = z.object({ epoch: maybeText, results: z.array(z.looseObject({ id: text })) })
const CSV = 'text/csv'

const P = '/v1/projects/:project'

/** Every operation of the API, by method and route. A route that is missing here keeps the server from starting. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'POST /v1/sessions': { summary: 'Signs in by the code of a link', status: 201, answer: z.object({ user: userRef, expiresAt: text }) },
  'DELETE /v1/sessions/current': { summary: 'Signs out', status: 204, answer: null },
  'POST /v1/tickets': { summary: 'A credential for one hello', status: 201, answer: z.object({ ticket: text, expiresAt: text }) },
  'GET /v1/me': {
    summary: 'Who one is, and the projects one may see',
    status: 200,
    answer: z.object({ user: userRef, projects: z.array(z.object({ id: text, name: text, role: z.enum(ROLES) })), liveUrl: text }),
  },

  'GET /v1/projects': { summary: 'Projects, oldest first', status: 200, answer: listOf(projectView) },
  'POST /v1/projects': { ...project, summary: 'Makes a project', status: 201 },
  [`GET ${P}`]: { summary: 'A project', status: 200, answer: z.object({ project: projectView, role: z.enum(ROLES) }) },
  [`PATCH ${P}`]: { ...project, summary: 'Changes its name or settings', status: 200 },
  [`DELETE ${P}`]: { summary: 'Deletes it with everything in it', status: 204, answer: null },
  [`GET ${P}/summary`]: { summary: 'Counts, sums and control totals', status: 200, answer: summaryView },
  [`GET ${P}/members`]: { summary: 'Members by user id', status: 200, answer: listOf(memberView) },
  [`PUT ${P}/members/:user`]: { summary: 'Gives somebody a role', status: 200, answer: z.object({ member: memberView }) },
  [`DELETE ${P}/members/:user`]: { summary: 'Takes the role away', status: 204, answer: null },

  [`POST ${P}/sources`]: {
    summary: 'Imports a file, which is the body; with dryRun 200 and what would be read',
    status: 201,
    answer: z.object({ source: sourceView, mapping: MAPPING, problems }),
    takes: 'application/octet-stream',
  },
  [`GET ${P}/sources`]: { summary: 'Imported files, oldest first', status: 200, answer: listOf(sourceView) },
  [`GET ${P}/sources/:source`]: { summary: 'An imported file', status: 200, answer: z.object({ source: sourceView }) },
  [`GET ${P}/sources/:source/rejected`]: { summary: 'Its rejected rows with their reasons', status: 200, answer: text, mediaTypes: [CSV] },
  [`DELETE ${P}/sources/:source`]: { summary: 'Removes it with its records', status: 204, answer: null },
  [`GET ${P}/records`]: { summary: 'Records in order of import', status: 200, answer: listOf(recordView) },
  [`GET ${P}/records/:record`]: {
    summary: 'A record, its row in the file, its matches and its break',
    status: 200,
    answer: z.object({
      record: recordView,
      payload: z.record(text, z.unknown()),
      matches: z.array(matchView),
      break: breakView.nullable(),
    }),
  },

  [`POST ${P}/jobs`]: { summary: 'Queues a match job', status: 202, answer: z.object({ job: jobView }) },
  [`GET ${P}/jobs`]: { summary: 'Jobs, newest first', status: 200, answer: listOf(jobView) },
  [`GET ${P}/jobs/:job`]: { summary: 'A job', status: 200, answer: z.object({ job: jobView }) },
  [`POST ${P}/jobs/:job/cancel`]: { summary: 'Ends it and discards what it found', status: 202, answer: z.object({ job: jobView }) },
  [`GET ${P}/matches`]: { summary: 'Matches, highest confidence first', status: 200, answer: listOf(matchView) },
  [`GET ${P}/matches/:match`]: {
    summary: 'A match with its records, the other candidates and its history',
    status: 200,
    answer: z.object({
      match: matchView,
      leftRecords: z.array(recordView),
      rightRecords: z.array(recordView),
      members: z.array(z.object({ record: text, allocated: maybeText })),
      alternatives: z.array(matchView),
      history: z.array(decision),
    }),
  },
  [`POST ${P}/matches`]: { summary: 'Matches records by hand', status: 201, answer: z.object({ act, match: matchView }) },
  [`DELETE ${P}/matches/:match`]: { summary: 'Takes a match apart', status: 200, answer: z.object({ act, match: matchView }) },
  [`POST ${P}/decisions`]: {
    summary: 'Confirms or rejects suggestions one by one',
    status: 200,
    answer: z.object({ act, items: z.array(z.object({ match: text, result: text, current: matchView })) }),
  },
  [`POST ${P}/decisions/bulk`]: {
    summary: 'Confirms all of a filter; as a dry run it tells how many that are, and what they are worth',
    status: 200,
    answer: z.object({ act: act.optional(), count }),
  },
  [`POST ${P}/decisions/undo`]: { summary: 'Takes an act back', status: 200, answer: z.object({ count }) },
  [`GET ${P}/breaks`]: {
    summary: 'Records that nothing explains, and their rows',
    status: 200,
    answer: listOf(breakView).extend({ records: z.array(recordView), count: count.optional() }),
  },
  [`PATCH ${P}/breaks/:break`]: {
    summary: 'Changes its owner, state, due date or note',
    status: 200,
    answer: z.object({ break: breakView }),
  },
  [`GET ${P}/export`]: {
    summary: 'Matches, breaks or records as a file',
    status: 200,
    answer: text,
    mediaTypes: [CSV, 'application/x-ndjson'],
  },
  [`POST ${P}/events`]: { summary: 'Publishes events, all or none', status: 200, answer: published },
}
