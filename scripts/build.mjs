// Builds dist/ (server, worker threads, dashboard) when a source is newer than the last build.
import { spawn } from 'node:child_process'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generate } from './generate.mjs'
import { isStale } from './stale.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const DIST = join(ROOT, 'dist')
const STAMP = join(DIST, '.built')
const SOURCES = ['src', 'prisma', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].map((name) => join(ROOT, name))

export async function build() {
  if (!isStale(STAMP, SOURCES, (path) => !path.endsWith('/generated'))) return
  process.stderr.write('building … ')
  const startedAt = performance.now()
  rmSync(DIST, { recursive: true, force: true })
  generate()
  // Types are checked by `npm test`; here they would double the time to the first start.
  await Promise.all([
    run('typescript', 'bin/tsc', ['-p', 'tsconfig.build.json', '--noCheck']),
    run('vite', 'bin/vite.js', ['build', 'src/dashboard', '--logLevel', 'warn']),
  ])
  copyFileSync(join(ROOT, 'src/bus/publish.lua'), join(DIST, 'bus/publish.lua'))
  writeFileSync(STAMP, '')
  process.stderr.write(`done in ${((performance.now() - startedAt) / 1000).toFixed(1)} s\n`)
}

function run(name, program, args) {
  const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), program)
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path, ...args], { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${name} ended with ${code}`))))
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build()
