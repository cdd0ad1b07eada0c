import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

describe('a service', () => {
  test.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)('ends with a run that %s ends, children and folder too', async (signal) => {
    const run = spawn(process.execPath, ['--import', 'tsx', 'test/support/guard-runner.ts'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(createInterface({ input: run.stdout }), 'line')
    const { pid, dir } = JSON.parse(line) as { readonly pid: number; readonly dir: string }
    const child = await vi.waitUntil(() => existsSync(`${dir}/child`) && Number(readFileSync(`${dir}/child`, 'utf8')), { timeout: 10_000 })
    expect([pid, child].map(isAlive)).toEqual([true, true])

    run.kill(signal)

    await vi.waitUntil(() => !isAlive(pid) && !isAlive(child) && !existsSync(dir), { timeout: 10_000 })
  })
})

describe('a suite whose service cannot be had', () => {
  const suite = 'test/support/services.redis.test.ts'

  test('is listed as not run, with what it needs, and fails nothing', async () => {
    const { code, output } = await runWithoutRedis({ CI: '' })
    expect(output).toMatch(
      `NOT RUN: ${suite} needs redis-server ≥ 7 (no redis-server on PATH); install with \`apt-get install redis-server\``,
    )
    expect(output).toMatch(/Tests.*1 skipped/)
    expect(code).toBe(0)
  })

  test('is a failure on a build server', async () => {
    const { code, output } = await runWithoutRedis({ CI: 'true' })
    expect(output).toContain(`NOT RUN: ${suite}`)
    expect(code).toBe(1)
  })

  function runWithoutRedis(env: Readonly<Record<string, string>>): Promise<{ readonly code: number | null; readonly output: string }> {
    const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST)/.test(name))
    return new Promise((resolve) => {
      const options = { cwd: ROOT, env: { ...Object.fromEntries(inherited), NO_COLOR: '1', PATH: '/nowhere', ...env } }
      const child = execFile(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', suite], options, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, output: stdout + stderr }),
      )
    })
  }
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // Not one that is dead and that nobody has collected.
    return !existsSync('/proc') || !/ Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
