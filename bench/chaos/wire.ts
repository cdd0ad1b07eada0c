import type { WebSocket } from 'ws'
import type { LogWriter } from './log.js'

/** Frames that were read lately: most of them are everybody's. */
const MAX_FRAMES = 500

interface Frame {
  readonly type: string
  readonly project: string
  readonly epoch?: string
  readonly position?: { readonly epoch: string }
  readonly events?: readonly { readonly seq: number; readonly id: string }[]
  readonly reason?: string
  readonly mode?: string
  readonly code?: string
  readonly bus?: string
}

/** What servers say, beside what the SDK makes of it: each event at each place once, and how often what else was said. */
export class Wire {
  readonly #log: LogWriter
  readonly #frames = new Map<string, Frame>()
  readonly #known = new Set<string>()

  constructor(log: LogWriter) {
    this.#log = log
  }

  watch(socket: WebSocket): void {
    socket.on('message', (data: Buffer) => this.#read(data.toString()))
    socket.on('close', (code) => this.#seen(`close ${code}`))
    // A close follows every error.
    socket.on('error', () => undefined)
  }

  #read(text: string): void {
    const known = this.#frames.get(text)
    const frame = known ?? (JSON.parse(text) as Frame)
    switch (frame.type) {
      case 'joined':
        this.#seen(`joined ${frame.mode}`)
        this.#note(frame, frame.position!.epoch)
        return
      case 'deliver':
        if (known) return
        this.#keep(text, frame)
        this.#note(frame, frame.epoch!)
        return
      case 'rejoin':
      case 'left':
        this.#seen(`${frame.type} ${frame.reason}`)
        return
      case 'error':
        this.#seen(`error ${frame.code}`)
        return
      case 'status':
        this.#seen(`status ${frame.bus}`)
        return
      case 'goaway':
        this.#seen('goaway')
    }
  }

  #keep(text: string, frame: Frame): void {
    this.#frames.set(text, frame)
    const [oldest] = this.#frames.keys()
    if (this.#frames.size > MAX_FRAMES) this.#frames.delete(oldest!)
  }

  #note({ project, events = [] }: Frame, epoch: string): void {
    for (const { seq, id } of events) {
      const place = `${project} ${epoch} ${seq} ${id}`
      if (this.#known.has(place)) continue
      this.#known.add(place)
      this.#log.write({ kind: 'wire', at: Date.now(), project, epoch, seq, id })
    }
  }

  #seen(what: string): void {
    this.#log.write({ kind: 'seen', at: Date.now(), what })
  }
}
