import { Agent } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { ask, type Request } from '../http/load.js'

/** What people who review ask of a project, in this order again and again. */
const ASKED = [
  '/summary',
  '/matches?status=proposed',
  '/records?side=left',
  '/breaks?status=open',
  '',
  '/summary',
  '/matches?status=proposed',
  '/records?side=right',
  '/breaks?status=open',
  '/jobs',
  '/summary',
  '/matches?status=confirmed',
  '/records?side=left',
  '/breaks?status=open',
  '',
  '/summary',
  '/matches?status=proposed',
  '/records?side=right',
  '/jobs',
] as const

/** Somebody decides so often, however many look on: what was kept is outdated at the same pace for all. */
export const CHANGE_EVERY_MS = 500

interface Break {
  readonly id: string
  readonly version: number
}

export interface Pace {
  readonly users: number
  /** Between an answer and the next question. */
  readonly thinkMs: number
  readonly ms: number
}

export interface Served {
  readonly answers: number
  readonly perSecond: number
  readonly meanMs: number
  readonly p95Ms: number
}

/** People who review one project at one server after another; only they change it, so they know its breaks' versions. */
export class Reviewers {
  readonly #token: string
  readonly #path: string
  readonly #breaks: Break[]

  private constructor(token: string, path: string, breaks: Break[]) {
    this.#token = token
    this.#path = path
    this.#breaks = breaks
  }

  static async of(origin: string, token: string, project: string): Promise<Reviewers> {
    const path = `/v1/projects/${project}`
    const { items } = JSON.parse(await ask(origin, { method: 'GET', path: `${path}/breaks?status=open&limit=500`, token })) as {
      readonly items: Break[]
    }
    return new Reviewers(token, path, items)
  }

  /** Each begins at another place of the list, and at another moment of the first pause; beside them one decides. @throws when an answer is not 2xx. */
  async work(origin: string, { users, thinkMs, ms }: Pace): Promise<Served> {
    const agent = new Agent({ keepAlive: true, maxSockets: users })
    const durations: number[] = []
    const startedAt = performance.now()
    let endedAt = startedAt
    const user = async (no: number) => {
      if (thinkMs > 0) await delay((thinkMs * no) / users)
      for (let turn = no * 7; performance.now() - startedAt < ms; turn++) {
        const sentAt = performance.now()
        await ask(origin, this.#request('GET', ASKED[turn % ASKED.length]!), agent)
        endedAt = performance.now()
        durations.push(endedAt - sentAt)
        if (thinkMs > 0) await delay(thinkMs)
      }
    }
    const decider = async () => {
      for (let due = 0; due < ms; due += CHANGE_EVERY_MS) {
        await delay(startedAt + due - performance.now())
        await this.change(origin)
      }
    }
    await Promise.all([decider(), ...Array.from({ length: users }, (_, no) => user(no))])
    agent.destroy()
    durations.sort((one, other) => one - other)
    return {
      answers: durations.length,
      perSecond: (durations.length * 1_000) / (endedAt - startedAt),
      meanMs: durations.reduce((sum, one) => sum + one, 0) / durations.length,
      p95Ms: durations[Math.ceil(0.95 * durations.length) - 1]!,
    }
  }

  /** Takes a break that nobody is changing, or gives it back. */
  async change(origin: string): Promise<void> {
    const { id, version } = this.#breaks.shift()!
    const body = JSON.stringify({ version, assignee: version % 2 === 0 ? null : 'ana' })
    const { break: changed } = JSON.parse(await ask(origin, this.#request('PATCH', `/breaks/${id}`, body))) as {
      readonly break: Break
    }
    this.#breaks.push(changed)
  }

  #request(method: Request['method'], path: string, body?: string): Request {
    return { method, path: this.#path + path, token: this.#token, ...(body !== undefined && { body }) }
  }
}
