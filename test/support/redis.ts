import { rmSync } from 'node:fs'
import { Redis } from 'ioredis'
import { SLOTS } from '../../src/bus/cluster-slots.js'
import { findProgram } from './debian-packages.js'
import { freePort, makeServiceDir, startGuarded, untilReady } from './guarded-process.js'
import type { StartedService } from './postgres.js'

/**
 * A Redis server on a free port of loopback, or on this one: on PATH, else of Debian's package. It keeps nothing, or everything in that folder.
 * @throws Error when there is none.
 */
export function startRedis(wanted?: number, keptIn?: string): Promise<StartedService> {
  return start(wanted, keptIn === undefined ? [] : ['--dir', keptIn, '--appendonly', 'yes', '--appendfsync', 'always'])
}

/** A Cluster of three such servers that share the slots; its address is that of the first one. */
export async function startRedisCluster(): Promise<StartedService & { readonly urls: readonly string[] }> {
  const busPorts = [await freePort(), await freePort(), await freePort()]
  const servers = await Promise.all(busPorts.map((port) => start(undefined, ['--cluster-enabled', 'yes', '--cluster-port', String(port)])))
  const nodes = servers.map(({ url }) => new Redis(url))
  try {
    const share = Math.ceil(SLOTS / nodes.length)
    for (const [index, node] of nodes.entries()) {
      await node.cluster('ADDSLOTSRANGE', index * share, Math.min(SLOTS, (index + 1) * share) - 1)
      // An epoch of their own each: nobody has to find out who is right.
      await node.cluster('SET-CONFIG-EPOCH', index + 1)
    }
    for (const [index, { url }] of servers.entries())
      if (index > 0) await nodes[0]!.cluster('MEET', '127.0.0.1', new URL(url).port, String(busPorts[index]))
    for (const node of nodes) await untilWhole(node, nodes.length)
  } finally {
    for (const node of nodes) node.disconnect()
  }
  const urls = servers.map(({ url }) => url)
  return { url: urls[0]!, urls, stop: async () => void (await Promise.all(servers.map((server) => server.stop()))) }
}

async function untilWhole(node: Redis, count: number): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; ) {
    const info = (await node.cluster('INFO')) as string
    if (info.includes('cluster_state:ok') && info.includes(`cluster_size:${count}`)) return
    if (Date.now() > deadline) throw new Error(`the Cluster does not come together:\n${info}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function start(wanted: number | undefined, more: readonly string[]): Promise<StartedService> {
  const program = await findProgram({ names: ['redis-server', 'valkey-server'], package: 'redis-server', path: 'usr/bin/redis-server' })
  const dir = makeServiceDir('redis')
  try {
    const port = wanted ?? (await freePort())
    const service = await startGuarded({
      steps: [[program, '--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', dir, ...more]],
      dir,
      stopSignal: 'SIGTERM',
    })
    try {
      await untilReady(service, () => answer(port))
    } catch (error) {
      await service.stop()
      throw error
    }
    return { url: `redis://127.0.0.1:${port}`, stop: () => service.stop() }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}

async function answer(port: number): Promise<void> {
  const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  try {
    await redis.connect()
    await redis.ping()
  } finally {
    redis.disconnect()
  }
}
