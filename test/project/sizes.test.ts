import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const measure = (...args: string[]) => promisify(execFile)(process.execPath, ['scripts/sizes.mjs', ...args])

test('what browsers have to load is no larger than it may be; MessagePack comes when it is needed', async () => {
  const { stdout } = await measure()
  console.log(stdout)
  expect(stdout).toMatch(/^ *\d\.\d\d kB of 6\.00 kB +client SDK$/m)
  expect(stdout).toMatch(/client SDK, when needed: msgpack$/m)
})

test('the command notices what is larger than it may be', async () => {
  await expect(measure('0.5')).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('TOO LARGE') })
})
