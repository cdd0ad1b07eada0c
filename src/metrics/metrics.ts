import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { BusMetrics } from './bus-metrics.js'
import { CacheMetrics } from './cache-metrics.js'
import { DatabaseMetrics } from './database-metrics.js'
import { HttpMetrics } from './http-metrics.js'
import { PREFIX, readGauge, Tally } from './instruments.js'
import { JobMetrics } from './job-metrics.js'
import { LiveMetrics } from './live-metrics.js'
import { ScrapeReading } from './scrape-reading.js'

export interface MetricsOptions {
  readonly version: string
  readonly role: string
  readonly transport: string
  /** Close codes that the server knows. */
  readonly closeCodes: Iterable<number>
}

/**
 * Everything that a process tells Prometheus: docs/operations.md has the list. Names are `tallyroom_…` in base units; no label names a
 * person or a project.
 */
export class Metrics {
  readonly live: LiveMetrics
  readonly bus: BusMetrics
  readonly cache: CacheMetrics
  readonly database: DatabaseMetrics
  readonly jobs: JobMetrics
  readonly http: HttpMetrics
  /** Whether the process is ready. */
  readonly readiness = new ScrapeReading<boolean>()
  readonly #registry = new Registry()

  constructor({ version, role, transport, closeCodes }: MetricsOptions) {
    const registry = this.#registry
    collectDefaultMetrics({ register: registry })
    const rateLimited = new Tally(registry, { name: 'rate_limited_total', help: 'What came too often, by which limit.', labels: ['scope'] })
    const authFailures = new Tally(registry, { name: 'auth_failures_total', help: 'Credentials that were refused.', labels: ['reason'] })
    this.live = new LiveMetrics(registry, { transport, codes: closeCodes, rateLimited, authFailures })
    this.bus = new BusMetrics(registry)
    this.cache = new CacheMetrics(registry)
    this.database = new DatabaseMetrics(registry)
    this.jobs = new JobMetrics(registry)
    this.http = new HttpMetrics(registry, { rateLimited, authFailures })
    readGauge(registry, this.readiness, 'ready', '1 while load balancers may send somebody here.', [], Number)
    new Gauge({ name: `${PREFIX}build_info`, help: 'What runs here.', labelNames: ['version', 'role'], registers: [registry] }).set(
      { version, role },
      1,
    )
    const limits = new Gauge({
      name: `${PREFIX}memory_limit_bytes`,
      help: 'What memory may grow to: of the process (its container or the machine), and of its heap.',
      labelNames: ['of'],
      registers: [registry],
    })
    limits.set({ of: 'process' }, memoryLimit())
    limits.set({ of: 'heap' }, getHeapStatistics().heap_size_limit)
  }

  /** The text that Prometheus reads, and its type. Never rejects: what cannot be read is left out. */
  async text(): Promise<{ readonly body: string; readonly type: string }> {
    return { body: await this.#registry.metrics(), type: this.#registry.contentType }
  }

  /** Every name that {@link text} can have, those of histograms without their endings. */
  get names(): readonly string[] {
    return this.#registry.getMetricsAsArray().map(({ name }) => name)
  }
}

/** Bytes. Without a limit of its own, a process may use the machine. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 && constrained < totalmem() ? constrained : totalmem()
}
