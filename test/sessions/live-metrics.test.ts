import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Metrics } from '../../src/metrics/metrics.js'
import { MSGPACK_SUBPROTOCOL } from '../../src/protocol/version.js'
import { newMetrics, sampleOf } from '../metrics/exposition.js'
import { eventItem, LiveFixture } from './live-fixture.js'

describe('what live sessions count', () => {
  let metrics: Metrics
  let fixture: LiveFixture
  /** The value of a sample now. */
  const value = async (sample: string) => sampleOf((await metrics.text()).body, `tallyroom_${sample}`)

  beforeEach(async () => {
    metrics = newMetrics()
    fixture = await LiveFixture.open({ metrics: metrics.live })
    metrics.live.census.from(() => fixture.live.reading)
  })
  afterEach(() => fixture.close())

  test('sessions by codec, joins, handshakes and ends', async () => {
    const project = fixture.project({ ana: 'viewer' })
    const one = await fixture.signIn('ana')
    await fixture.signIn('ana', {}, MSGPACK_SUBPROTOCOL)
    await one.joined(project)
    expect(await value('live_sessions{transport="ws",codec="json"}')).toBe(1)
    expect(await value('live_sessions{transport="ws",codec="msgpack"}')).toBe(1)
    expect(await value('live_joins')).toBe(1)
    expect(await value('join_seconds_count{mode="snapshot"}')).toBe(1)
    expect(await value('connects_total{result="welcomed"}')).toBe(2)
    expect(await value('handshake_seconds_count')).toBe(2)

    const stranger = await fixture.connect()
    stranger.send({ type: 'hello', token: 'nobody' })
    await stranger.expectClose(4500)
    await expect(fixture.connect({ origin: 'http://elsewhere.example' })).rejects.toThrow('403')
    one.socket.close(4321)
    await fixture.until(() => fixture.live.census.sessions === 1)
    expect(await value('connects_total{result="UNAUTHORIZED"}')).toBe(1)
    expect(await value('connects_total{result="ORIGIN_FORBIDDEN"}')).toBe(1)
    expect(await value('auth_failures_total{reason="UNAUTHENTICATED"}')).toBe(1)
    expect(await value('closes_total{code="4500"}')).toBe(1)
    expect(await value('closes_total{code="other"}')).toBe(1)
  })

  test('a flush is counted once, however many sockets it goes to', async () => {
    const project = fixture.project({ ana: 'viewer' })
    const clients = await Promise.all(Array.from({ length: 20 }, () => fixture.signIn('ana')))
    await Promise.all(clients.map((client) => client.joined(project)))
    const before = await value('bytes_total{dir="out"}')
    await fixture.publish(project, eventItem(), eventItem(), eventItem())
    await Promise.all(clients.map((client) => client.next('deliver')))
    await fixture.until(() => fixture.live.counters.frames === 1)
    expect(await value('fanout_frames_total')).toBe(1)
    expect(await value('fanout_writes_total')).toBe(20)
    expect(await value('frames_total{dir="out",type="deliver"}')).toBe(20)
    expect(await value('flush_events_count')).toBe(1)
    expect(await value('flush_events_sum')).toBe(3)
    expect(await value('delivery_seconds_count')).toBe(1)
    expect(await value('bytes_total{dir="out"}')).toBeGreaterThan(before! + 20 * 3 * 50)
  })

  test('a resume says where the rest came from', async () => {
    const project = fixture.project({ ana: 'viewer' })
    const client = await fixture.signIn('ana')
    const { position } = await client.joined(project)
    await fixture.publish(project, eventItem())
    await client.next('deliver')
    expect(await client.joined(project, position)).toMatchObject({ mode: 'resumed' })
    expect(await value('resumes_total{source="ring",result="ok"}')).toBe(1)
    expect(await client.joined(project, { epoch: 'another', seq: 3, id: 'x' })).toMatchObject({ mode: 'snapshot' })
    expect(await value('resumes_total{source="snapshot",result="ok"}')).toBe(1)
    expect(await value('resumes_total{source="stream",result="failed"}')).toBe(0)
  })

  test('frames by type, and what is none', async () => {
    const client = await fixture.signIn('ana')
    client.raw('{')
    await client.next('error')
    await client.sync()
    expect(await value('frames_total{dir="in",type="hello"}')).toBe(1)
    expect(await value('frames_total{dir="in",type="leave"}')).toBe(1)
    expect(await value('frames_total{dir="in",type="refused"}')).toBe(1)
    expect(await value('frames_total{dir="out",type="welcome"}')).toBe(1)
    expect(await value('frames_total{dir="out",type="error"}')).toBe(1)
  })
})
