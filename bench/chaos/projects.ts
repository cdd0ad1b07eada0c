import { readFileSync } from 'node:fs'
import { setTimeout as passed } from 'node:timers/promises'
import type { SampleFiles } from '../../src/sample/write-sample.js'

const POLL_MS = 50
/** Everything waits for a person. */
const RULE_SET = {
  name: 'suggest only',
  passes: [
    {
      name: 'equal amounts',
      policy: 'suggest',
      block: [{ field: 'amount' }],
      gates: [{ field: 'date', from: -12, to: 12 }],
    },
  ],
}

/** Makes a project with records and suggestions over them; answers its id. */
export async function importSample(options: {
  readonly address: string
  readonly token: string
  readonly name: string
  readonly files: SampleFiles
}): Promise<string> {
  const { address, token, name, files } = options
  const call = async <Body>(path: string, body?: string | Buffer, type = 'application/json'): Promise<Body> => {
    const headers = { authorization: `Bearer ${token}`, ...(body !== undefined && { 'content-type': type }) }
    const response = await fetch(
      `${address}${path}`,
      body === undefined ? { headers } : { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) },
    )
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    // The contract of each route has its own tests.
    return (await response.json()) as Body
  }
  const { project } = await call<{ project: { id: string } }>('/v1/projects', JSON.stringify({ name, currency: 'EUR' }))
  const path = `/v1/projects/${project.id}`
  await call(`${path}/sources?side=left&name=bank.csv`, readFileSync(files.left), 'text/csv')
  await call(`${path}/sources?side=right&name=ledger.csv`, readFileSync(files.right), 'text/csv')
  const { job } = await call<{ job: { id: string } }>(`${path}/jobs`, JSON.stringify({ kind: 'match', ruleSet: RULE_SET }))
  for (;;) {
    const { job: now } = await call<{ job: { state: string } }>(`${path}/jobs/${job.id}`)
    if (now.state === 'completed') return project.id
    if (now.state === 'failed') throw new Error(`the job of ${name} failed`)
    await passed(POLL_MS)
  }
}

/** Makes these people viewers, by the way that tells every process. */
export async function addMembers(options: {
  readonly address: string
  readonly token: string
  readonly project: string
  readonly users: readonly string[]
}): Promise<void> {
  const { address, token, project, users } = options
  for (const user of users) {
    const response = await fetch(`${address}/v1/projects/${project}/members/${user}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ role: 'viewer', name: user }),
    })
    if (!response.ok) throw new Error(`${user} cannot be made a member: ${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
}
