import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

// The other end of embedded.ts: says {} when the socket accepts, { error } when it cannot, and ends at the first message.
const { dataDir, socketDir } = workerData as { readonly dataDir: string; readonly socketDir: string }
try {
  const database = await PGlite.create({ dataDir })
  const server = new PGLiteSocketServer({ db: database, path: join(socketDir, '.s.PGSQL.5432') })
  await server.start()
  parentPort?.once('message', async () => {
    await server.stop()
    await database.close()
    parentPort?.close()
  })
  parentPort?.postMessage({})
} catch (error) {
  parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) })
  parentPort?.close()
}
