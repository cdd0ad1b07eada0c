import { createInterface } from 'node:readline'
import { openDatabase } from '../../src/db/client.js'
import { openOwnDatabase } from '../../src/db/open.js'
import { JobWorker } from '../../src/jobs/worker.js'
import { createLog } from '../../src/log.js'

// A worker in a process of its own, for a test to kill: works on what it finds in the database at the URL or in the folder that its first
// argument names, and prints what it tells of its jobs, one JSON a line. Ends in order when its input ends.
const [place = '', chunkRows] = process.argv.slice(2)
const { db, close } = await (place.startsWith('/')
  ? openOwnDatabase(place)
  : openDatabase({ address: { url: place }, applicationName: 'test worker', idleInTransactionMs: 1_000 }))
const worker = new JobWorker({
  db,
  owner: `process-${process.pid}`,
  slots: 1,
  maxRunningJobs: 5,
  chunkRows: Number(chunkRows),
  pollMs: 20,
  onJob: ({ id, version, state, phase, processed, total, percent }) =>
    console.log(JSON.stringify({ id, version, state, phase, processed, total, percent })),
  wakeOutbox: () => undefined,
  log: createLog('silent'),
})
worker.start()
createInterface({ input: process.stdin }).on('close', async () => {
  await worker.stop()
  await close()
})
