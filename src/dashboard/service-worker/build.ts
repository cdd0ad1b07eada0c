import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build, type Plugin } from 'vite'

const ENTRY = fileURLToPath(new URL('./worker.ts', import.meta.url))
/** Below this a second file costs more than it saves. */
const MIN_COMPRESSED_BYTES = 1_024

/** Builds the service worker of what was built, and puts a compressed copy beside every file that gets smaller by it. */
export function serviceWorker(): Plugin {
  let outDir = ''
  return {
    name: 'service-worker',
    apply: 'build',
    configResolved(config) {
      outDir = config.build.outDir
    },
    async writeBundle() {
      const files = filesIn(outDir)
      const digest = createHash('sha256')
      for (const path of files) digest.update(path).update(readFileSync(join(outDir, path)))
      const shell = { version: digest.digest('hex').slice(0, 12), files }
      await build({
        configFile: false,
        logLevel: 'warn',
        define: { SHELL: JSON.stringify(shell) },
        build: {
          outDir,
          emptyOutDir: false,
          target: 'es2022',
          reportCompressedSize: false,
          lib: { entry: ENTRY, formats: ['iife'], name: 'worker', fileName: () => 'service-worker.js' },
        },
      })
      for (const path of filesIn(outDir)) compress(join(outDir, path))
    },
  }
}

/** Paths below the folder, each beginning with `/`, in a fixed order. */
function filesIn(dir: string): string[] {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map((entry) => join(entry.parentPath, entry.name).slice(dir.length)).sort()
}

function compress(path: string): void {
  const bytes = readFileSync(path)
  if (bytes.length < MIN_COMPRESSED_BYTES) return
  const brotli = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY } })
  writeFileSync(`${path}.br`, brotli)
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }))
}
