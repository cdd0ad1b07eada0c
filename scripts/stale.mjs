import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Whether `product` is missing or older than the newest file below `sources` (files or folders).
 * @param {string} product
 * @param {readonly string[]} sources
 * @param {(path: string) => boolean} [isSource] leaves files and folders out
 */
export function isStale(product, sources, isSource = () => true) {
  if (!existsSync(product)) return true
  const madeAt = statSync(product).mtimeMs
  return sources.some((source) => newestMs(source, isSource) > madeAt)
}

function newestMs(path, isSource) {
  if (!isSource(path) || !existsSync(path)) return 0
  const found = statSync(path)
  if (!found.isDirectory()) return found.mtimeMs
  // The folder's own time too: it moves when a file is removed.
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name), isSource)), found.mtimeMs)
}
