import { Agent, request } from 'node:http'
import { type Expectation, inTurn } from './expectation.js'

const LIST = '/records?side=left&limit=100'
/** What a page of the dashboard asks for whenever somebody comes back to it. */
const SHOWN = ['', '/summary', '/matches?status=proposed', '/breaks?status=open', '/records?side=left']
const LOOKS = 10

export interface WireOptions {
  readonly origin: string
  readonly token: string
  readonly project: string
  /** Changes something of the project. */
  readonly change: () => Promise<void>
}

/** What goes over the wire to a client that takes what the server can save, and to one that does not. */
export async function wire({ origin, token, project, change }: WireOptions): Promise<Expectation[]> {
  const base = `${origin}/v1/projects/${project}`
  const client = (takes: ClientOptions) => new Client(token, takes)
  const one = async (takes: ClientOptions) => {
    const asking = client(takes)
    const bytes = await asking.get(base + LIST)
    asking.close()
    return { bytes }
  }
  const list = await inTurn({
    off: () => one({ encodings: null, asksWhatChanged: false }),
    on: () => one({ encodings: 'br, gzip', asksWhatChanged: false }),
  })
  const looking = async (takes: ClientOptions) => {
    const looker = client(takes)
    for (let look = 0; look < LOOKS; look++) {
      if (look === LOOKS / 2) await change()
      for (const path of SHOWN) await looker.get(base + path)
    }
    looker.close()
    return { kilobytes: looker.received / 1_000 }
  }
  const visit = await inTurn({
    off: () => looking({ encodings: null, asksWhatChanged: false }),
    on: () => looking({ encodings: 'br, gzip', asksWhatChanged: true }),
  })
  return [
    {
      figure: 'compression',
      promised: { kind: 'less', least: 0.6, most: 0.8 },
      unit: 'bytes',
      off: { what: 'body of a list of 100 records for a client that takes no encoding', value: list.off.bytes },
      on: { what: 'for one that takes brotli, as browsers do', value: list.on.bytes },
    },
    {
      figure: 'network',
      promised: { kind: 'less', least: 0.6, most: 0.8 },
      unit: 'kB',
      off: {
        what: `all bytes of ${LOOKS} looks at a project, ${SHOWN.length} answers each, something changed after half of them; the client takes no encoding and keeps nothing`,
        value: visit.off.kilobytes,
      },
      on: { what: 'it takes brotli and sends the entity tags that it has (304)', value: visit.on.kilobytes },
    },
  ]
}

interface ClientOptions {
  readonly encodings: string | null
  /** Whether it sends the entity tags that it was given. */
  readonly asksWhatChanged: boolean
}

/** One connection, and what came over it. */
class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #token: string
  readonly #options: ClientOptions
  readonly #tags = new Map<string, string>()
  /** Bytes, heads included. */
  received = 0

  constructor(token: string, options: ClientOptions) {
    this.#token = token
    this.#options = options
  }

  /** The bytes of the body as they came. @throws unless it is 200 or 304. */
  get(url: string): Promise<number> {
    const tag = this.#options.asksWhatChanged ? this.#tags.get(url) : undefined
    const headers = {
      authorization: `Bearer ${this.#token}`,
      ...(this.#options.encodings !== null && { 'accept-encoding': this.#options.encodings }),
      ...(tag !== undefined && { 'if-none-match': tag }),
    }
    return new Promise((resolve, reject) => {
      request(url, { headers, agent: this.#agent }, (response) => {
        // The response forgets it at its end.
        const { socket } = response
        let bytes = 0
        response
          .on('data', (chunk: Buffer) => {
            bytes += chunk.length
          })
          .on('end', () => {
            // Of the only connection, from its beginning.
            this.received = socket.bytesRead
            if (response.headers.etag !== undefined) this.#tags.set(url, response.headers.etag)
            if (response.statusCode === 200 || response.statusCode === 304) resolve(bytes)
            else reject(new Error(`${url}: ${response.statusCode}`))
          })
      })
        .on('error', reject)
        .end()
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
