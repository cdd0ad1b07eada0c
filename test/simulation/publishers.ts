import type { BusItem } from '../../src/bus/bus.js'
import { AppError } from '../../src/errors.js'
import type { ProjectId } from '../../src/ids.js'
import type { Publication, PublishResult } from '../../src/protocol/messages.js'
import type { Principal } from '../../src/sessions/auth.js'
import type { FakeClock } from '../sessions/fake-clock.js'
import type { SimulatedClient } from './client.js'
import type { History } from './history.js'
import type { SimulatedProcess, simulatedBus } from './process.js'
import type { Random } from './random.js'
import type { Situations } from './situations.js'

export interface PublishersOptions {
  /** Publishes straight to Redis, and listens to nothing. */
  readonly service: ReturnType<typeof simulatedBus>
  readonly serving: () => readonly SimulatedProcess[]
  readonly history: History
  readonly clock: FakeClock
  readonly random: Random
  readonly situations: Situations
  readonly onFault: (fault: string) => void
}

/** Whoever publishes: a service, clients over their sessions, and over HTTP people who repeat what was not answered. */
export class Publishers {
  readonly #options: PublishersOptions
  #published = 0

  constructor(options: PublishersOptions) {
    this.#options = options
  }

  publish(client: SimulatedClient, project: ProjectId): void {
    const { random, situations, service, serving } = this.#options
    const publications = this.#publications(1 + random.below(3))
    if (random.chance(0.3)) {
      service.bus.publish(project, publications.map(itemOf)).then(
        ({ epoch, results }) => this.#believe(project, epoch, results),
        () => undefined,
      )
      situations.count('published straight to the bus')
    } else if (client.open.length > 0 && random.chance(0.4)) {
      client.client.publish(project, publications).catch(() => undefined)
      situations.count('published over a session')
    } else if (serving().length > 0) {
      void this.#post(project, client.user, publications)
      situations.count('published over HTTP')
    }
  }

  /** Until it has an answer, at whatever process, under the same ids. */
  async #post(project: ProjectId, user: string, events: readonly Publication[]): Promise<void> {
    const { random, situations, clock, serving } = this.#options
    for (let attempt = 0; attempt < 4; attempt++) {
      const processes = serving()
      if (processes.length === 0) return
      if (attempt > 0) situations.count('published again under its id')
      try {
        const { epoch, results } = await random.pick(processes).publish({ publisher: principalOf(user), project, events })
        this.#believe(project, epoch, results)
        if (random.chance(0.9)) return
      } catch (error) {
        if (error instanceof AppError && error.code === 'FORBIDDEN') return
      }
      await new Promise<void>((resolve) => void clock.after(random.below(300), resolve))
    }
  }

  /** What was acknowledged is where it was said to be. */
  #believe(project: ProjectId, epoch: string | null, results: readonly (PublishResult | { readonly kind: string })[]): void {
    const { history, onFault } = this.#options
    for (const result of results) {
      if (!('id' in result) || !('seq' in result) || epoch === null) continue
      const isThere = history.told(project, epoch).some(({ events }) => events[Number(result.seq) - 1]?.id === result.id)
      if (!isThere) onFault(`[B1] ${result.id} was acknowledged as ${result.seq} of ${epoch}`)
    }
  }

  #publications(count: number): Publication[] {
    const { random } = this.#options
    return Array.from({ length: count }, () => {
      const data = { n: ++this.#published, pad: 'x'.repeat(random.chance(0.2) ? 1_500 : 20) }
      if (random.chance(0.4)) return { type: 'demo.value', key: `k/${random.below(3)}`, data: random.chance(0.2) ? null : data }
      return { type: 'demo.event', data, ...(random.chance(0.6) && { id: `given-${this.#published}` }) }
    })
  }
}

/** Who may publish everywhere. */
export function principalOf(user: string): Principal {
  return { user: { id: user, name: user }, admin: false, projects: {}, publish: '*', expiresAt: Date.UTC(2027, 0, 1), credential: null }
}

function itemOf(publication: Publication): BusItem {
  const { type, data } = publication
  if (publication.key === undefined) {
    return { kind: 'event', type, body: JSON.stringify({ actor: null, data }), ...(publication.id !== undefined && { id: publication.id }) }
  }
  const { key } = publication
  return { kind: 'latest', type, key, body: JSON.stringify({ data }) }
}
