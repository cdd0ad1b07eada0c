import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { CLOSE_CODES } from '../../src/protocol/close-codes.js'
import { newMetrics, sampleOf } from './exposition.js'

const CONTRACT = [
  ...[
    'live_sessions',
    'live_joins',
    'connects_total',
    'closes_total',
    'handshake_seconds',
    'join_seconds',
    'resumes_total',
    'frames_total',
  ],
  ...['bytes_total', 'flush_events', 'fanout_frames_total', 'fanout_writes_total', 'publish_seconds', 'delivery_seconds'],
  ...['client_lag_seconds', 'buffered_bytes', 'slow_sessions', 'slow_transitions_total', 'gaps_total', 'gap_heal_seconds'],
  ...['epoch_rotations_total', 'bus_connected', 'bus_probe_age_seconds', 'bus_lag_seconds', 'outbox_pending', 'outbox_lag_seconds'],
  ...['presence_members', 'cache_requests_total', 'cache_load_seconds', 'cache_entries', 'cache_bytes', 'cache_evictions_total'],
  ...['db_pool', 'db_acquire_seconds', 'db_query_seconds', 'db_slow_queries_total', 'jobs', 'job_seconds', 'job_chunk_seconds'],
  ...['job_rows_total', 'job_lease_lost_total', 'import_rows_total', 'http_request_seconds', 'rate_limited_total', 'auth_failures_total'],
  ...['ready', 'build_info'],
]

describe('metrics', () => {
  test('every metric of the contract is there under its name, with help, and so are those of Node', async () => {
    const metrics = newMetrics()
    const { body, type } = await metrics.text()
    expect(type).toContain('text/plain')
    for (const name of CONTRACT) {
      expect(metrics.names, name).toContain(`tallyroom_${name}`)
      expect(body, name).toMatch(new RegExp(`^# HELP tallyroom_${name} \\S`, 'm'))
    }
    expect(metrics.names).toContain('nodejs_eventloop_lag_p99_seconds')
    expect(sampleOf(body, 'tallyroom_build_info{version="1.2.3",role="all"}')).toBe(1)
    expect(sampleOf(body, 'tallyroom_memory_limit_bytes{of="heap"}')).toBeGreaterThan(0)
  })

  test('a page of the documentation tells of every one of ours', () => {
    const page = readFileSync(fileURLToPath(new URL('../../docs/operations.md', import.meta.url)), 'utf8')
    const told = newMetrics().names.filter((name) => name.startsWith('tallyroom_') && !page.includes(`\`${name}`))
    expect(told).toEqual([])
  })

  test('gauges are read once per scrape, and are absent while they cannot be read', async () => {
    const metrics = newMetrics()
    let looks = 0
    metrics.live.census.from(() => {
      looks++
      return { sessions: [{ codec: 'json', count: 3 }], joins: 5, slow: 1, unsentBytes: 7, present: 2 }
    })
    const { body } = await metrics.text()
    expect(looks).toBe(1)
    expect(sampleOf(body, 'tallyroom_live_sessions{transport="ws",codec="json"}')).toBe(3)
    expect(sampleOf(body, 'tallyroom_live_joins')).toBe(5)
    expect(sampleOf(body, 'tallyroom_buffered_bytes')).toBe(7)
    expect(sampleOf(body, 'tallyroom_outbox_pending')).toBeNull()
    metrics.live.census.from(() => Promise.reject(new Error('no')))
    const later = (await metrics.text()).body
    expect(sampleOf(later, 'tallyroom_live_joins')).toBeNull()
    expect(sampleOf(later, 'tallyroom_live_sessions{transport="ws",codec="json"}')).toBeNull()
  })

  test('a cache that counts by itself is shown as counters that do not fall when it cannot be read', async () => {
    const metrics = newMetrics()
    const statistics = { l1: { hits: 4, misses: 2 }, l2: { hits: 1, misses: 1 }, evictions: 3, errors: 0, entries: 9, bytes: 90 }
    metrics.cache.statistics.from(() => statistics)
    metrics.cache.loaded(0.02, 'done')
    const hits = 'tallyroom_cache_requests_total{level="l1",result="hit"}'
    const { body } = await metrics.text()
    expect(sampleOf(body, hits)).toBe(4)
    expect(sampleOf(body, 'tallyroom_cache_requests_total{level="loader",result="ok"}')).toBe(1)
    expect(sampleOf(body, 'tallyroom_cache_evictions_total')).toBe(3)
    metrics.cache.statistics.from(() => Promise.reject(new Error('no')))
    expect(sampleOf((await metrics.text()).body, hits)).toBe(4)
  })

  test('whatever clients choose, labels stay few', async () => {
    const metrics = newMetrics()
    for (let code = 3_000; code < 3_100; code++) metrics.live.closed(code)
    metrics.live.closed(CLOSE_CODES.SLOW_CONSUMER)
    metrics.live.closed(1001)
    const { body } = await metrics.text()
    expect(body.match(/^tallyroom_closes_total\{.*$/gm)).toEqual([
      'tallyroom_closes_total{code="other"} 100',
      'tallyroom_closes_total{code="4001"} 1',
      'tallyroom_closes_total{code="1001"} 1',
    ])
  })
})
