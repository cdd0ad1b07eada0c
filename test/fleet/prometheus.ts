import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findProgram } from '../support/debian-packages.js'
import { freePort, type GuardedProcess, makeServiceDir, startGuarded, untilReady } from '../support/guarded-process.js'

const RULES = fileURLToPath(new URL('../../ops/prometheus/rules.yml', import.meta.url))

export interface PrometheusOptions {
  /** Who is scraped, by name: `127.0.0.1:9464`. */
  readonly targets: ReadonlyMap<string, string>
}

/** A sample as a query answers it. */
export interface QuerySample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** A Prometheus that looks every second, with the rules of ops/ and no `for` longer than a second. */
export class Prometheus {
  readonly url: string
  readonly #process: GuardedProcess

  private constructor(url: string, process: GuardedProcess) {
    this.url = url
    this.#process = process
  }

  /** @throws Error when there is none, or with its last words. */
  static async start({ targets }: PrometheusOptions): Promise<Prometheus> {
    const program = await findProgram({ names: ['prometheus'], package: 'prometheus', path: 'usr/bin/prometheus', startsServer: true })
    const dir = makeServiceDir('prometheus')
    writeFileSync(join(dir, 'rules.yml'), readFileSync(RULES, 'utf8').replaceAll(/^( {8}for:) .*$/gm, '$1 1s'))
    const configs = [...targets].map(([name, target]) => `{ targets: ["${target}"], labels: { instance: "${name}" } }`)
    writeFileSync(
      join(dir, 'prometheus.yml'),
      `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: tallyroom
    static_configs: [${configs.join(', ')}]
`,
    )
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const storage = `--storage.tsdb.path=${join(dir, 'data')}`
    const process = await startGuarded({
      steps: [
        [program, `--config.file=${join(dir, 'prometheus.yml')}`, storage, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'],
      ],
      dir,
      stopSignal: 'SIGTERM',
    })
    await untilReady(process, async () => {
      if (!(await fetch(`${url}/-/ready`)).ok) throw new Error('not ready')
    })
    return new Prometheus(url, process)
  }

  /** What the query answers now. @throws Error when it cannot be asked so. */
  async query(expression: string): Promise<readonly QuerySample[]> {
    const { data } = await this.#ask<{ readonly result: readonly unknown[]; readonly resultType: string }>(
      `query?${new URLSearchParams({ query: expression })}`,
    )
    // The shapes of Prometheus' own API.
    if (data.resultType === 'scalar') return [{ metric: {}, value: Number(data.result[1]) }]
    const samples = data.result as readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[]
    return samples.map(({ metric, value }) => ({ metric, value: Number(value[1]) }))
  }

  /** Names of the alerts that fire now. */
  async firing(): Promise<ReadonlySet<string>> {
    const { data } = await this.#ask<{ readonly alerts: readonly { readonly state: string; readonly labels: Record<string, string> }[] }>(
      'alerts',
    )
    return new Set(data.alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname!))
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }

  async #ask<Data>(path: string): Promise<{ readonly data: Data }> {
    const response = await fetch(`${this.url}/api/v1/${path}`)
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
    return (await response.json()) as { readonly data: Data }
  }
}
