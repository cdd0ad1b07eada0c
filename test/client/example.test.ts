import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as client from '../../src/client/index.js'
import { jobKey } from '../../src/protocol/events.js'
import { eventItem, LiveFixture, latestItem } from '../sessions/live-fixture.js'

const PAGE = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8')

test('the examples of docs/client.md work', async () => {
  const [connect, work, ...others] = [...PAGE.matchAll(/^```js\n(.*?)^```$/gms)].map(([, example]) => example!)
  expect(others).toEqual([])
  const fixture = await LiveFixture.open()
  try {
    const project = fixture.project({ ana: 'analyst' })
    const lines: string[] = []
    const given = {
      url: fixture.url,
      project,
      WebSocket,
      fetchTicket: () => fixture.token('ana', { publish: '*' }),
      console: { log: (...words: unknown[]) => lines.push(words.join(' ')) },
    }
    const saw = (...wanted: string[]) => fixture.until(() => wanted.every((line) => lines.includes(line)))
    // As one program; between its two parts the world goes on.
    const { line, program } = asFunction([connect!, 'await goOn()', work!].join('\n'), Object.keys(given))
    expect(line).toBe("import { ClaimedError, LiveClient } from 'tallyroom/client'")
    await program(
      client,
      async () => {
        await saw('connecting', 'live', 'joined as analyst Demo')
        const match = { status: 'confirmed' }
        await fixture.publish(project, eventItem('match.decided', { match }, 'ben'), latestItem(jobKey('7'), 1, { job: { percent: 40 } }))
        await saw('ben: match confirmed', 'job: 40 %')
        await fixture.publish(project, latestItem(jobKey('7'), 2, null))
        await saw('job: over')
      },
      ...Object.values(given),
    )
    expect(lines).toContain('1 published')
    expect(lines.some((text) => /^ours until 2/.test(text))).toBe(true)
    expect(lines.at(-1)).toBe('closed')
  } finally {
    await fixture.close()
  }
})

/** A module of one import, as a function that gets what it imports, what to do in the middle, and the rest by name. */
function asFunction(text: string, names: readonly string[]) {
  const [line = '', ...body] = text.split('\n')
  const AsyncFunction = (async () => {}).constructor as new (
    ...args: string[]
  ) => (module: typeof client, goOn: () => Promise<void>, ...rest: unknown[]) => Promise<void>
  return { line, program: new AsyncFunction(line.slice('import '.length).split(' from ')[0]!, 'goOn', ...names, body.join('\n')) }
}
