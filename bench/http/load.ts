import { Agent, request } from 'node:http'

export interface Request {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly token: string
  readonly body?: string
}

export interface Reading {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** Asks the same again and again over so many connections, each as soon as it has its answer. @throws when one is not 2xx. */
export async function load(
  origin: string,
  asked: Request,
  { connections, ms }: { readonly connections: number; readonly ms: number },
): Promise<Reading> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const durations: number[] = []
  const startedAt = performance.now()
  const endsAt = startedAt + ms
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < endsAt) {
        const sentAt = performance.now()
        await ask(origin, asked, agent)
        durations.push(performance.now() - sentAt)
      }
    }),
  )
  const seconds = (performance.now() - startedAt) / 1_000
  agent.destroy()
  return readingOf(durations, seconds)
}

function readingOf(durations: number[], seconds: number): Reading {
  durations.sort((one, other) => one - other)
  const at = (share: number) => durations[Math.ceil(share * durations.length) - 1]!
  return { perSecond: durations.length / seconds, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) }
}

/** The answer's text. @throws when it is not 2xx. */
export function ask(origin: string, { method, path, token, body }: Request, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    request(origin + path, { method, headers, ...(agent && { agent }) }, (response) => {
      const chunks: Buffer[] = []
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (response.statusCode! >= 300) reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`))
          else resolve(text)
        })
    })
      .on('error', reject)
      .end(body)
  })
}
