import { LiveClient, type LiveClientOptions, type Room } from '../../src/client/index.js'
import { type CountFacts, HandlerChecker } from './handler-checker.js'
import type { History } from './history.js'
import type { Situations } from './situations.js'
import type { SimulatedSocket } from './socket.js'

export interface SimulatedClientOptions {
  readonly user: string
  readonly history: History
  readonly situations: Situations
  /** How many facts are stored of a project; none: nothing is. */
  readonly countFacts?: CountFacts
  readonly client: Omit<LiveClientOptions, 'url' | 'openSocket' | 'onError'>
  readonly openSocket: (subprotocol: string) => SimulatedSocket
  /** What a handler does when it has heard something. */
  readonly handle: () => unknown
}

/** The SDK, with sockets of the simulation and handlers that write down what they hear. */
export class SimulatedClient {
  readonly user: string
  readonly client: LiveClient
  /** All it ever had, with what was said and heard over each. */
  readonly sockets: SimulatedSocket[] = []
  readonly rooms = new Map<string, Room>()
  readonly errors: unknown[] = []
  readonly #options: SimulatedClientOptions
  readonly #checkers = new Map<string, HandlerChecker>()

  constructor(options: SimulatedClientOptions) {
    this.#options = options
    this.user = options.user
    this.client = new LiveClient({
      ...options.client,
      url: 'ws://simulated',
      openSocket: (_, subprotocol) => {
        const socket = options.openSocket(subprotocol)
        this.sockets.push(socket)
        return socket
      },
      onError: (error) => this.errors.push(error),
    })
  }

  /** Those that may still bring something. */
  get open(): SimulatedSocket[] {
    return this.sockets.filter(({ isGone }) => !isGone)
  }

  /** Whether it hears the project now. */
  hears(project: string): boolean {
    return this.rooms.get(project)?.phase === 'joined'
  }

  join(project: string): void {
    const room = this.client.join(project)
    this.rooms.set(project, room)
    const checker = this.#checker(project)
    checker.leave()
    const hear = (note: () => void) => {
      checker.call()
      note()
      const done = this.#options.handle()
      if (done instanceof Promise) checker.wait(done)
      return done
    }
    room.onJoined((joined) => hear(() => checker.joined(joined)))
    room.on('event', (event) => hear(() => checker.event(event)))
    room.onLatest(() => hear(() => undefined))
  }

  leave(project: string): void {
    this.rooms.get(project)?.leave()
    this.rooms.delete(project)
    this.#checker(project).leave()
  }

  /** Takes what has arrived, and is done with the rooms that it was let out of, also with what their handlers had still to hear. */
  look(): void {
    for (const socket of this.open) socket.look()
    for (const [project, { phase }] of this.rooms) if (phase === 'left') this.leave(project)
  }

  /** What its handlers should not have heard, or should have. `isHearing`: it hears every project, to the end. */
  faults(isHearing: boolean): string[] {
    return [...this.#checkers].flatMap(([project, checker]) => {
      const position = this.rooms.get(project)?.position
      if (isHearing) checker.finish(position ?? null)
      return checker.faults
    })
  }

  #checker(project: string): HandlerChecker {
    const { history, situations, countFacts = null } = this.#options
    const checker = this.#checkers.get(project) ?? new HandlerChecker(project, history, situations, countFacts)
    this.#checkers.set(project, checker)
    return checker
  }
}
