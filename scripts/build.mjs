// Builds dist/ (server, worker threads, client SDK, dashboard) when a source is newer than the last build.
import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from './generate.mjs'
import { isStale } from './stale.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')
/** Built beside and put in place at the end: a build that fails leaves the last one, and a program that runs finds its files. */
const NEW = join(ROOT, `dist.${process.pid}`)
const STAMP = join(DIST, '.built')
const SOURCES = ['src', 'prisma', 'tsconfig.json', 'tsconfig.build.json', 'tsconfig.client.json', 'package-lock.json'].map((name) =>
  join(ROOT, name),
)

export async function build() {
  if (!isStale(STAMP, SOURCES, (path) => !path.endsWith('/generated'))) return
  process.stderr.write('building … ')
  const startedAt = performance.now()
  generate()
  mkdirSync(NEW)
  try {
    // Types are checked by `npm test`; here they would double the time to the first start.
    await Promise.all([
      run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--noCheck', '--outDir', NEW]),
      run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.client.json', '--noCheck', '--outDir', NEW]),
      run(['node_modules/vite/bin/vite.js', 'build', 'src/dashboard', '--logLevel', 'warn', '--outDir', join(NEW, 'dashboard')]),
      run(['scripts/database-template.mjs', join(NEW, 'database')]),
    ])
    copyFileSync(join(ROOT, 'src/bus/publish.lua'), join(NEW, 'bus/publish.lua'))
    writeFileSync(join(NEW, '.built'), '')
    const old = `${NEW}.old`
    if (existsSync(DIST)) renameSync(DIST, old)
    renameSync(NEW, DIST)
    rmSync(old, { recursive: true, force: true })
  } finally {
    rmSync(NEW, { recursive: true, force: true })
  }
  process.stderr.write(`done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

/** Runs a script of this repository or of a package. */
function run(args) {
  return new Promise((resolve, reject) => {
    // What is built is the same whoever asks for it: vite would build for tests when a test does.
    const env = { ...process.env, NODE_ENV: 'production' }
    const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${args[0]} ended with ${code}`))))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
