import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { newMetrics } from './exposition.js'
import { findUnknownMetrics, metricsIn, readAlerts, readPanelExpressions } from './expressions.js'

const ALERTS = [
  ...[
    'InstanceDown',
    'NotReady',
    'BusDisconnected',
    'SlowDelivery',
    'ConnectionsDropped',
    'HandshakeErrors',
    'FailedResumes',
    'SlowSessions',
  ],
  ...['EventLoopLag', 'SlowHttp', 'HttpErrors', 'LowCacheHitRatio', 'PoolWaiting', 'SlowQueries', 'JobFailures', 'JobStalled', 'OutboxLag'],
  'MemoryHigh',
]

describe('queries of Prometheus', () => {
  const { names } = newMetrics()
  const alerts = readAlerts()
  const panels = readPanelExpressions()

  test('every metric of a rule or a panel is one that we export', () => {
    expect(panels.length).toBeGreaterThan(50)
    expect(findUnknownMetrics([...alerts, ...panels], names)).toEqual([])
  })

  test('a name that nobody exports is found, wherever it stands', () => {
    const rules = readFileSync(fileURLToPath(new URL('../../ops/prometheus/rules.yml', import.meta.url)), 'utf8')
    const broken = rules
      .replace('tallyroom_ready == 0', 'tallyroom_redy == 0')
      .replace('sum(tallyroom_slow_sessions)', 'sum(slow_sessions)')
    expect(findUnknownMetrics(readAlerts(broken), names)).toEqual(['alert NotReady: tallyroom_redy', 'alert SlowSessions: slow_sessions'])
    const text = 'histogram_quantile(0.9, sum by (le) (rate(tallyroom_join_second_bucket{mode="up"}[5m]))) > on (instance) up offset 10m'
    expect(metricsIn(text)).toEqual(['tallyroom_join_second_bucket', 'up'])
    expect(findUnknownMetrics([{ where: 'panel', text }], names)).toEqual(['panel: tallyroom_join_second_bucket'])
    expect(findUnknownMetrics([{ where: 'panel', text: 'vector(1)' }], names)).toEqual(['panel: no metric in vector(1)'])
  })

  test('every metric of ours is on a panel or in a rule', () => {
    const used = new Set(
      [...alerts, ...panels].flatMap(({ text }) => metricsIn(text)).map((name) => name.replace(/_(bucket|sum|count)$/, '')),
    )
    expect(names.filter((name) => name.startsWith('tallyroom_') && !used.has(name))).toEqual([])
  })

  test('every alert of the contract is there, with a section of its own in the runbook', () => {
    expect(alerts.map(({ name }) => name)).toEqual(ALERTS)
    const page = readFileSync(fileURLToPath(new URL('../../docs/operations.md', import.meta.url)), 'utf8')
    for (const { name, runbook } of alerts) {
      expect(runbook).toBe(`docs/operations.md#${name.toLowerCase()}`)
      expect(page).toMatch(new RegExp(`^### ${name}$`, 'm'))
    }
  })
})
