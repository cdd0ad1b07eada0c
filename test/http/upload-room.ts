import { expect } from 'vitest'
import type { Db } from '../../src/db/client.js'
import type { ProjectId } from '../../src/ids.js'
import type { Mapping } from '../../src/imports/statement-parser.js'
import type { SourceView } from '../../src/protocol/views.js'
import { type Answer, HttpFixture } from './http-fixture.js'

/** What an import answers. */
export interface Imported {
  readonly source: SourceView
  readonly mapping: Mapping
  readonly problems: readonly { readonly row: number; readonly column: string | null; readonly message: string }[]
}

/** A small file that is read without a doubt. */
export const FILE = 'id,date,amount,memo\n1,2024-01-31,12.50,rent\n2,2024-02-01,-3.00,fee\n'

/** A server and one project of it after another, all of Ana's, into which a test uploads files. */
export class UploadRoom {
  readonly db: Db
  readonly http: HttpFixture
  /** Ana's. */
  readonly token: string
  project: ProjectId

  private constructor(http: HttpFixture, token: string, project: ProjectId) {
    this.db = http.db
    this.http = http
    this.token = token
    this.project = project
  }

  static async open(db: Db): Promise<UploadRoom> {
    const http = await HttpFixture.open(db)
    return new UploadRoom(http, await http.token('ana'), await http.project('ana'))
  }

  close(): Promise<void> {
    return this.http.close()
  }

  async newProject(): Promise<void> {
    this.project = await this.http.project('ana')
    this.http.woken.length = 0
  }

  /** Uploads a file to the left, if `query` says nothing else. */
  upload<Body = Imported>(
    raw: RequestInit['body'],
    query: Readonly<Record<string, string>> = {},
    { token = this.token, headers = {} }: { readonly token?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer<Body>> {
    const parameters = new URLSearchParams({ side: 'left', name: 'bank.csv', ...query })
    return this.http.call<Body>('POST', `/v1/projects/${this.project}/sources?${parameters}`, { token, raw, headers })
  }

  /** Reads something of the project. */
  get<Body>(path: string): Promise<Answer<Body>> {
    return this.http.call<Body>('GET', `/v1/projects/${this.project}/${path}`, { token: this.token })
  }

  async countAll() {
    const where = { projectId: this.project }
    const [sources, records, problems, news] = await Promise.all([
      this.db.source.count({ where }),
      this.db.record.count({ where }),
      this.db.sourceProblem.count({ where: { source: where } }),
      this.db.outbox.count({ where }),
    ])
    return { sources, records, problems, news }
  }

  /** Nothing of a refused upload is in the database, and nobody was told of it. */
  async expectNothing(): Promise<void> {
    expect(await this.countAll()).toEqual({ sources: 0, records: 0, problems: 0, news: 0 })
    expect(this.http.woken).toEqual([])
  }

  async expectNothingHalfDone(): Promise<void> {
    expect(await this.db.source.count({ where: { state: { not: 'ready' } } })).toBe(0)
  }
}
