import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export type RespReply = string | number | null | readonly RespReply[]

/** A connection to Redis without a client library: what a publisher in any language has to speak (RESP2). One command at a time. */
export class RespClient {
  readonly #socket: Socket
  #received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
  }

  static async open(url: string): Promise<RespClient> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, 'connect')
    return new RespClient(socket)
  }

  /** @throws Error with the words of Redis. */
  async call(...words: readonly string[]): Promise<RespReply> {
    const bulks = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    this.#socket.write(`*${words.length}\r\n${bulks.join('')}`)
    for (;;) {
      const read = readReply(this.#received, 0)
      if (read) {
        this.#received = this.#received.subarray(read.end)
        if (read.reply instanceof Error) throw read.reply
        return read.reply
      }
      const [chunk] = (await once(this.#socket, 'data')) as [Buffer]
      this.#received = Buffer.concat([this.#received, chunk])
    }
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** The reply that begins at `start`, or null when its end has not come yet. */
function readReply(bytes: Buffer, start: number): { readonly reply: RespReply | Error; readonly end: number } | null {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd < 0) return null
  const text = bytes.toString('utf8', start + 1, lineEnd)
  const next = lineEnd + 2
  const size = Number(text)
  switch (String.fromCharCode(bytes[start]!)) {
    case '+':
      return { reply: text, end: next }
    case '-':
      return { reply: new Error(text), end: next }
    case ':':
      return { reply: size, end: next }
    case '$':
      if (size < 0) return { reply: null, end: next }
      return bytes.length < next + size + 2 ? null : { reply: bytes.toString('utf8', next, next + size), end: next + size + 2 }
    case '*': {
      const replies: RespReply[] = []
      let end = next
      for (let count = 0; count < size; count++) {
        const item = readReply(bytes, end)
        if (!item || item.reply instanceof Error) return item
        replies.push(item.reply)
        end = item.end
      }
      return { reply: replies, end }
    }
    default:
      throw new Error(`not RESP2: ${text}`)
  }
}
