import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readAlerts } from './expressions.js'

const DIR = fileURLToPath(new URL('../../ops/prometheus/', import.meta.url))

describe('alerts', () => {
  test('are valid, and so is the configuration that loads them', async () => {
    const { code, output } = await promtool('check', 'config', join(DIR, 'prometheus.yml'))
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining(`${readAlerts().length} rules found`) })
  })

  test('fire on their fault, each, and are silent in an idle fleet', async () => {
    const tests = readFileSync(join(DIR, 'rules.test.yml'), 'utf8')
    for (const { name } of readAlerts()) {
      expect(tests, name).toContain(`- name: ${name} fires\n`)
      expect(tests, name).toMatch(new RegExp(`eval_time: 40m, alertname: ${name} \\}`))
    }
    expect(await promtool('test', 'rules', join(DIR, 'rules.test.yml'))).toMatchObject({ code: 0 })
  })

  test('a threshold that moved is noticed', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'tallyroom-rules-'))
    try {
      writeFileSync(
        join(dir, 'rules.yml'),
        readFileSync(join(DIR, 'rules.yml'), 'utf8').replace('tallyroom_ready == 0', 'tallyroom_ready == 1'),
      )
      const tests = readFileSync(join(DIR, 'rules.test.yml'), 'utf8')
      // Only one of them: each takes its time.
      writeFileSync(
        join(dir, 'rules.test.yml'),
        tests.replace(/ {2}- name: an idle fleet[\s\S]*(?= {2}- name: NotReady fires)/, '').replace(/ {2}- name: BusDis[\s\S]*/, ''),
      )
      expect(await promtool('test', 'rules', join(dir, 'rules.test.yml'))).toMatchObject({
        code: 1,
        output: expect.stringContaining('NotReady'),
      })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

function promtool(...args: string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    // Set by the suites' own set-up.
    const child = execFile(process.env.TEST_PROMTOOL!, args, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, output: stdout + stderr }),
    )
  })
}
