import { setTimeout as passed } from 'node:timers/promises'
import type { TcpProxy } from '../../test/support/proxy.js'
import type { Child } from './child.js'
import type { Crewman } from './crewman.js'
import { type LoadCommand, userOf } from './load.js'
import type { LogWriter } from './log.js'
import { FAULTS, type Fault, type FaultName } from './plan.js'
import type { ChaosPostgres } from './postgres.js'
import type { ChaosRedis } from './redis.js'
import type { WritersCommand } from './writers.js'

/** What faults are done to. */
export interface Scene {
  readonly serve: readonly Crewman[]
  readonly work: readonly Crewman[]
  readonly redis: ChaosRedis
  readonly redisProxy: TcpProxy
  readonly postgres: ChaosPostgres
  readonly loads: readonly Child<LoadCommand>[]
  readonly writers: Child<WritersCommand>
  readonly projects: readonly string[]
  /** Numbers of clients by project. */
  readonly clientsOf: ReadonlyMap<string, readonly number[]>
  readonly clients: number
}

/** A buffer so small that a large event fills it: hard limit, soft limit, seconds. */
const SMALL_BUFFER = '4096 4096 1'
const USUAL_BUFFER = '33554432 8388608 60'
/** Members of one revocation: each is a request. */
const MAX_REVOKED = 12

/** Does what a plan says, in time; what is done to one thing waits for what was done to it before. */
export class Faults {
  readonly #scene: Scene
  readonly #log: LogWriter
  readonly #say: (line: string) => void
  /** By target, the last one under way. */
  readonly #running = new Map<string, Promise<void>>()
  readonly counts = new Map<FaultName, number>()
  readonly #begun = new Set<string>()

  constructor(scene: Scene, log: LogWriter, say: (line: string) => void) {
    this.#scene = scene
    this.#log = log
    this.#say = say
  }

  /** Faults that have begun and not ended. */
  get underWay(): readonly string[] {
    return [...this.#begun]
  }

  /** Resolves when all is done and everything runs again. */
  async run(plan: readonly Fault[]): Promise<void> {
    const startedAt = Date.now()
    const steps = plan.flatMap((fault) => {
      const step = { atMs: fault.atMs, target: this.#targetOf(fault), name: fault.name as FaultName | 'redis-save', fault }
      if (fault.name !== 'redis-rewind') return [step]
      return [{ ...step, atMs: Math.max(0, fault.atMs - fault.backMs), name: 'redis-save' as const }, step]
    })
    steps.sort((one, other) => one.atMs - other.atMs)
    for (const { atMs, target, name, fault } of steps) {
      await passed(Math.max(0, startedAt + atMs - Date.now()))
      const before = this.#running.get(target) ?? Promise.resolve()
      this.#running.set(
        target,
        before.then(() => (name === 'redis-save' ? this.#scene.redis.save() : this.#inject(fault, target))),
      )
    }
    await Promise.all(this.#running.values())
  }

  #targetOf({ name, no }: Fault): string {
    const { target } = FAULTS[name]
    const crew = target === 'serve' ? this.#scene.serve : target === 'work' ? this.#scene.work : null
    return crew ? crew[no % crew.length]!.name : target
  }

  async #inject(fault: Fault, target: string): Promise<void> {
    const from = Date.now()
    this.#say(`${fault.name} ${target} ${fault.ms} ms`)
    const what = `${fault.name} ${target}`
    this.#begun.add(what)
    await this.#do(fault)
    this.#begun.delete(what)
    this.counts.set(fault.name, (this.counts.get(fault.name) ?? 0) + 1)
    this.#log.write({ kind: 'fault', from, at: Date.now(), name: fault.name, target })
  }

  async #do({ name, no, ms, count }: Fault): Promise<void> {
    const { serve, work, redis, redisProxy, postgres } = this.#scene
    const server = serve[no % serve.length]!
    const worker = work[no % work.length]!
    switch (name) {
      case 'serve-kill':
        return server.replace('SIGKILL', ms)
      case 'serve-term':
        return server.replace('SIGTERM', ms)
      case 'serve-stop':
        return server.hold(ms)
      case 'work-kill':
        return worker.replace('SIGKILL', ms)
      case 'work-term':
        return worker.replace('SIGTERM', ms)
      case 'work-stop':
        return worker.hold(ms)
      case 'redis-kill':
        return this.#restartRedis('SIGKILL', ms)
      case 'redis-term':
        return this.#restartRedis('SIGTERM', ms)
      case 'redis-empty':
        return this.#restartRedis('SIGKILL', ms, () => redis.empty())
      case 'redis-rewind':
        return this.#restartRedis('SIGKILL', ms, () => redis.rewind())
      case 'redis-stop':
        redis.service.signal('SIGSTOP')
        await passed(ms)
        return redis.service.signal('SIGCONT')
      case 'redis-flush':
        await redis.run((commands) => commands.flushall())
        return this.#renewCopy()
      case 'redis-cut':
        return redisProxy.cut()
      case 'redis-hold':
        redisProxy.hold()
        await passed(ms)
        return redisProxy.release()
      case 'redis-kill-pubsub':
      case 'redis-kill-normal':
        await redis.run((commands) => commands.call('CLIENT', 'KILL', 'TYPE', name === 'redis-kill-normal' ? 'normal' : 'pubsub'))
        return
      case 'redis-output-buffer':
        return this.#shrinkBuffers(ms)
      case 'postgres-fast':
      case 'postgres-crash':
        await postgres.service.end(name === 'postgres-fast' ? 'SIGINT' : 'SIGQUIT')
        await passed(ms)
        return postgres.start()
      default:
        return this.#disturbClients(name, no, ms, count)
    }
  }

  async #restartRedis(signal: 'SIGKILL' | 'SIGTERM', ms: number, meanwhile?: () => void): Promise<void> {
    const { redis } = this.#scene
    await redis.service.end(signal)
    meanwhile?.()
    await passed(ms)
    await redis.start()
    if (meanwhile) await this.#renewCopy()
  }

  /** A copy from before what was lost would bring back what has ended already. */
  async #renewCopy(): Promise<void> {
    if (this.#scene.redis.hasSaved) await this.#scene.redis.save()
  }

  async #shrinkBuffers(ms: number): Promise<void> {
    const { redis, writers } = this.#scene
    const set = (limits: string) => redis.run((commands) => commands.config('SET', 'client-output-buffer-limit', `pubsub ${limits}`))
    const subscribers = async () =>
      String(await redis.run((commands) => commands.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))).match(/^id=\d+/gm) ?? []
    const before = await subscribers()
    await set(SMALL_BUFFER)
    writers.tell({ kind: 'burst' })
    await passed(ms)
    await set(USUAL_BUFFER)
    const after = new Set(await subscribers())
    for (const id of before) if (!after.has(id)) this.#log.write({ kind: 'seen', at: Date.now(), what: 'output-buffer kill' })
  }

  async #disturbClients(
    name: Extract<FaultName, 'slow-readers' | 'client-drops' | 'token-expiry' | 'revocation'>,
    no: number,
    ms: number,
    count: number,
  ): Promise<void> {
    const { loads, writers, projects, clientsOf, clients } = this.#scene
    const tell = (command: LoadCommand) => {
      for (const load of loads) load.tell(command)
    }
    // Neighbours by number, from a place that the plan says.
    const some = (all: readonly number[], howMany: number) =>
      Array.from({ length: Math.min(howMany, all.length) }, (_, index) => all[(no + index) % all.length]!)
    const everybody = Array.from({ length: clients }, (_, index) => index)
    switch (name) {
      case 'client-drops':
        return tell({ kind: 'drop', clients: some(everybody, count) })
      case 'token-expiry':
        return tell({ kind: 'expire', clients: some(everybody, count) })
      case 'slow-readers':
        tell({ kind: 'slow', clients: some(clientsOf.get(projects[0]!)!, Math.ceil(count / 8)), ms })
        writers.tell({ kind: 'burst' })
        return passed(ms)
      case 'revocation': {
        const project = projects[no % projects.length]!
        for (const client of some(clientsOf.get(project)!, Math.min(count, MAX_REVOKED)))
          writers.tell({ kind: 'revoke', project, user: userOf(client), backMs: ms })
      }
    }
  }
}
