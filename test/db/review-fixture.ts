import type { Act } from '../../src/db/acts.js'
import type { Db } from '../../src/db/client.js'
import { type MatchId, newId, type ProjectId } from '../../src/ids.js'
import type { MatchExplanation, Side, UserRef } from '../../src/protocol/views.js'

export const ANA: UserRef = { id: 'ana', name: 'Ana' }
export const BEN: UserRef = { id: 'ben', name: 'Ben' }

const EXPLANATION: MatchExplanation = {
  pass: 'reference',
  summary: 'same reference, amount equal',
  gates: [],
  levels: [],
  prior: null,
  margin: null,
  alternatives: 0,
}

export interface RecordSeed {
  readonly externalId: string
  readonly amount?: string | null
  readonly currency?: string | null
  readonly date?: string | null
  readonly reference?: string
  readonly memo?: string
}

/** A project with a ready file on each side, whose records and matches a test names itself. */
export class Review {
  readonly db: Db
  readonly project: ProjectId
  readonly sources: Readonly<Record<Side, string>>
  #rows = 0

  private constructor(db: Db, project: ProjectId, sources: Readonly<Record<Side, string>>) {
    this.db = db
    this.project = project
    this.sources = sources
  }

  static async open(db: Db): Promise<Review> {
    const project = newId<ProjectId>()
    await db.project.create({ data: { id: project, name: 'Review', currency: 'EUR' } })
    for (const user of [ANA, BEN]) await db.user.upsert({ where: { id: user.id }, create: { ...user }, update: {} })
    const sources = { left: await addSource(db, project, 'left', 'bank.csv'), right: await addSource(db, project, 'right', 'ledger.csv') }
    return new Review(db, project, sources)
  }

  /** Stores a record and answers its id. */
  async record(side: Side, seed: RecordSeed, source: string = this.sources[side]): Promise<string> {
    const id = newId()
    const amount = seed.amount === undefined ? '10' : seed.amount
    await this.db.record.create({
      data: {
        id,
        projectId: this.project,
        sourceId: source,
        side,
        rowNo: ++this.#rows,
        externalId: seed.externalId,
        reference: seed.reference ?? null,
        memo: seed.memo ?? null,
        amount,
        currency: seed.currency === undefined ? (amount === null ? null : 'EUR') : seed.currency,
        valueDate: seed.date === null ? null : new Date(`${seed.date ?? '2026-03-02'}T00:00:00Z`),
        payload: { create: { payload: { id: seed.externalId } } },
      },
    })
    return id
  }

  /** Stores a match of two records and answers its id. */
  async match(
    left: string,
    right: string,
    options: { readonly status?: 'proposed' | 'confirmed'; readonly confidence?: string; readonly difference?: string | null } = {},
  ): Promise<MatchId> {
    const { status = 'proposed', confidence = '0.9', difference = '0' } = options
    const id = newId<MatchId>()
    await this.db.match.create({
      data: {
        id,
        projectId: this.project,
        rule: 'reference',
        cardinality: '1:1',
        leftId: left,
        rightId: right,
        confidence,
        amountDifference: difference,
        explanation: { ...EXPLANATION, gates: [], levels: [] },
        status,
        automatic: status === 'confirmed',
      },
    })
    return id
  }

  /** Something that a person does now. */
  act(actor: UserRef = ANA, requestId: string | null = null): Act {
    return { id: newId(), project: this.project, actor, requestId }
  }

  async break(record: string, side: Side): Promise<void> {
    await this.db.break.create({
      data: { id: newId(), projectId: this.project, recordId: record, side, reason: 'no-candidate' },
    })
  }

  /** Type and data of the project's news, in order of commit. */
  async news(): Promise<
    { readonly type: string; readonly actor: string | null; readonly data: Record<string, { readonly id: string }> }[]
  > {
    const rows = await this.db.outbox.findMany({ where: { projectId: this.project }, orderBy: { no: 'asc' } })
    return rows.map((row) => ({ type: row.type, ...JSON.parse(row.body) }))
  }
}

export async function addSource(
  db: Db,
  project: ProjectId,
  side: Side,
  name: string,
  state: 'ready' | 'importing' = 'ready',
): Promise<string> {
  const id = newId()
  await db.source.create({ data: { id, projectId: project, side, name, format: 'csv', mapping: {}, hash: id, state } })
  return id
}
