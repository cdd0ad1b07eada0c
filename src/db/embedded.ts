import { constants, existsSync, rmSync } from 'node:fs'
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { AppError } from '../errors.js'
import { startThread } from '../threads.js'

export interface EmbeddedDatabase {
  /** Folder of the Unix socket, for {@link openDatabase}. */
  readonly socketDir: string
  /** Checkpoints and ends the thread. */
  close(): Promise<void>
}

/** An empty database, made by the build. Without it the thread makes its own, which takes seconds longer. */
const TEMPLATE = fileURLToPath(new URL('../../dist/database/', import.meta.url))

/**
 * Postgres inside this process: PGlite in a thread of its own, behind a Unix socket, one connection at a time. The data stays in
 * `dataDir`; who opens the same folder twice at once destroys it, so hold its lock ({@link lockDataDir}).
 * @throws AppError `DB_BUSY` when it does not start.
 */
export async function openEmbedded(dataDir: string): Promise<EmbeddedDatabase> {
  if (!existsSync(dataDir) && existsSync(TEMPLATE)) await copyTemplate(dataDir)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  // Not below dataDir: a socket's path is limited to 107 bytes. Only the owner may enter the folder.
  await removeSocketsOfTheDead()
  const socketDir = await mkdtemp(join(tmpdir(), `tallyroom-${process.pid}-`))
  const removeSocket = () => rmSync(socketDir, { recursive: true, force: true })
  process.once('exit', removeSocket)
  const thread = startThread(import.meta.url, './embedded-thread', { workerData: { dataDir, socketDir } })
  try {
    await nextMessage(thread)
  } catch (cause) {
    await thread.terminate()
    removeSocket()
    throw new AppError('DB_BUSY', { message: `the embedded Postgres in ${dataDir} does not start: ${(cause as Error).message}`, cause })
  }
  return {
    socketDir,
    async close() {
      const closed = new Promise((resolve) => thread.once('exit', resolve))
      thread.postMessage('close')
      await closed
      process.off('exit', removeSocket)
      removeSocket()
    },
  }
}

/** Who was killed could not remove the folder of its socket; its name says who that was. */
async function removeSocketsOfTheDead(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^tallyroom-(\d+)-\w{6}$/.exec(name)?.[1] ?? process.pid)
    // Another user's folder is not ours to remove, and stays.
    if (!isRunning(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true }).catch(() => undefined)
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** In place all at once: a copy that broke off is not taken for a database. */
async function copyTemplate(dataDir: string): Promise<void> {
  const copy = `${dataDir}.new`
  await rm(copy, { recursive: true, force: true })
  await cp(TEMPLATE, copy, { recursive: true, mode: constants.COPYFILE_FICLONE })
  await chmod(copy, 0o700)
  await rename(copy, dataDir)
}

function nextMessage(thread: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.once('message', (message: { readonly error?: string }) =>
      message.error === undefined ? resolve() : reject(new Error(message.error)),
    )
    thread.once('error', reject)
    thread.once('exit', () => reject(new Error('its thread ended')))
  })
}
