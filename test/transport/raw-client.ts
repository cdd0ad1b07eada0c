import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface Frame {
  readonly opcode: number
  readonly payload: Buffer
}

export const TEXT = 1
export const BINARY = 2
export const CLOSE = 8
export const PING = 9
export const PONG = 10

/** A client that can send what no library would: it writes and reads the bytes of RFC 6455 itself. */
export class RawClient {
  readonly socket: Socket
  /** Status line and headers of the answer, and the body of a refusal. */
  response = ''
  readonly frames: Frame[] = []
  isEnded = false
  readonly key = randomBytes(16).toString('base64')
  #buffered: Buffer = Buffer.alloc(0)
  readonly #waiting = new Set<() => void>()

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data: Buffer) => {
      this.#buffered = Buffer.concat([this.#buffered, data])
      this.#read()
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.isEnded = true
      this.#wake()
    })
  }

  /** Sends the handshake; {@link response} has the answer. */
  static async open(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<RawClient> {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const client = new RawClient(socket)
    const own = {
      Host: 'localhost',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': client.key,
    }
    const lines = Object.entries({ ...own, ...headers }).map(([name, value]) => `${name}: ${value}`)
    socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    await client.until(() => client.response !== '' && (client.status === 101 || client.isEnded))
    return client
  }

  get status(): number {
    return Number(this.response.slice(9, 12))
  }

  get expectedAccept(): string {
    return createHash('sha1').update(`${this.key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  }

  header(name: string): string | undefined {
    return new RegExp(`^${name}: (.*)$`, 'im').exec(this.response)?.[1]?.trim()
  }

  /** One frame. `reserved`: bits of its first byte that nobody may set. */
  send(opcode: number, payload: string | Buffer, { isLast = true, isMasked = true, reserved = 0 } = {}): void {
    const data = Buffer.from(payload)
    const length =
      data.length < 126
        ? Buffer.from([data.length])
        : data.length < 65_536
          ? Buffer.from([126, data.length >> 8, data.length & 255])
          : Buffer.from([127, 0, 0, 0, 0, data.length >>> 24, (data.length >> 16) & 255, (data.length >> 8) & 255, data.length & 255])
    const mask = randomBytes(4)
    if (isMasked) {
      length[0]! |= 0x80
      for (let at = 0; at < data.length; at++) data[at]! ^= mask[at & 3]!
    }
    this.socket.write(Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | reserved | opcode]), length, ...(isMasked ? [mask] : []), data]))
  }

  /** The next frame, or null when the connection ends before it. */
  async next(): Promise<Frame | null> {
    await this.until(() => this.frames.length > 0 || this.isEnded)
    return this.frames.shift() ?? null
  }

  /** Code of the close frame that comes, 1005 of an empty one, null when the connection ends without one. Frames before it are dropped. */
  async closeCode(): Promise<number | null> {
    for (;;) {
      const frame = await this.next()
      if (frame === null) return null
      if (frame.opcode === CLOSE) return frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE(0)
    }
  }

  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiting.add(resolve))
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
    this.#waiting.clear()
  }

  #read(): void {
    if (this.response === '' || this.status !== 101) {
      const end = this.#buffered.indexOf('\r\n\r\n')
      if (end < 0) return
      const isUpgraded = this.#buffered.subarray(9, 12).toString() === '101'
      this.response = this.#buffered.subarray(0, isUpgraded ? end + 4 : this.#buffered.length).toString()
      if (!isUpgraded) return
      this.#buffered = this.#buffered.subarray(end + 4)
    }
    for (;;) {
      const data = this.#buffered
      if (data.length < 2) return
      const short = data[1]! & 0x7f
      const start = short === 126 ? 4 : short === 127 ? 10 : 2
      if (data.length < start) return
      const length = short === 126 ? data.readUInt16BE(2) : short === 127 ? data.readUInt32BE(6) : short
      if (data.length < start + length) return
      this.frames.push({ opcode: data[0]! & 0x0f, payload: data.subarray(start, start + length) })
      this.#buffered = data.subarray(start + length)
    }
  }
}
