import { rmSync } from 'node:fs'
import { Redis } from 'ioredis'
import { findProgram } from './debian-packages.js'
import { freePort, makeServiceDir, startGuarded, untilReady } from './guarded-process.js'
import type { StartedService } from './postgres.js'

/**
 * A Redis server that keeps nothing, on a free port of loopback, or on this one: on PATH, else of Debian's package.
 * @throws Error when there is none.
 */
export async function startRedis(wanted?: number): Promise<StartedService> {
  const program = await findProgram({ names: ['redis-server', 'valkey-server'], package: 'redis-server', path: 'usr/bin/redis-server' })
  const dir = makeServiceDir('redis')
  try {
    const port = wanted ?? (await freePort())
    const service = await startGuarded({
      steps: [[program, '--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no', '--dir', dir]],
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
