import { createInterface } from 'node:readline'
import { lockDataDir } from '../../src/db/data-dir.js'

// A process of its own for data-dir.test.ts: says "ready", takes the lock at the first line and says how it went, ends at the second.
const [dataDir] = process.argv.slice(2)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
console.log('ready')
await lines.next()
try {
  const lock = lockDataDir(dataDir!)
  console.log('held')
  await lines.next()
  lock.release()
} catch (error) {
  console.log((error as Error).message)
}
process.exit()
