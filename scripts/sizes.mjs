// `node scripts/sizes.mjs`: what browsers have to load, gzipped as a server sends it. Ends with 1 when something is larger than it may be;
// `node scripts/sizes.mjs 0.5`: than half of that, which shows that it notices.
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

// As scripts/build.mjs builds it, also when a test asks.
process.env.NODE_ENV = 'production'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const KB = 1_000

/** Each answers its figures: `{ name, bytes, limit }`, bytes gzipped; a limit of null: only told. */
const MEASUREMENTS = [measureClient, measureDashboard]

/** The SDK as a page bundles it, with all that it imports; what it loads when it needs it stands beside. */
async function measureClient() {
  const [{ output }] = await build({
    configFile: false,
    root: ROOT,
    logLevel: 'error',
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: 'src/client/index.ts', formats: ['es'], fileName: 'client' },
      // Otherwise a library keeps its white space, for those who bundle it with theirs.
      rolldownOptions: { output: { minify: true } },
    },
  })
  const chunks = output.filter(({ type }) => type === 'chunk')
  const first = chunks.find(({ isEntry }) => isEntry)
  const initial = withImports(first, chunks)
  const later = chunks.filter((chunk) => !initial.includes(chunk))
  return [
    { name: 'client SDK', bytes: gzipped(initial), limit: 6 * KB },
    ...later.map((chunk) => ({ name: `client SDK, when needed: ${chunk.name}`, bytes: gzipped([chunk]), limit: null })),
  ]
}

/** The dashboard: what the first page needs, beside the same source as one bundle; its largest page; all of its style sheets. */
async function measureDashboard() {
  const [split, whole] = await Promise.all([{}, { codeSplitting: false }].map(buildDashboard))
  const chunks = split.filter(({ type }) => type === 'chunk')
  const initial = withImports(
    chunks.find(({ isEntry }) => isEntry),
    chunks,
  )
  const bundle = gzipped(whole.filter(({ type }) => type === 'chunk'))
  const sheets = split.filter(({ fileName }) => fileName.endsWith('.css'))
  const styled = (wanted) => gzipped(sheets.filter(wanted).map(({ source }) => ({ code: source })))
  return [
    { name: 'dashboard: initial JS', bytes: gzipped(initial), limit: 60 * KB },
    { name: 'dashboard: initial JS, beside 70 % of all as one bundle', bytes: gzipped(initial), limit: 0.7 * bundle },
    { name: 'dashboard: all JS as one bundle', bytes: bundle, limit: null },
    { name: 'dashboard: match page', bytes: gzipped(chunks.filter(({ name }) => name === 'match-page')), limit: 40 * KB },
    { name: 'dashboard: CSS of the first page', bytes: styled(({ name }) => name === 'index.css'), limit: 12 * KB },
    { name: 'dashboard: CSS of all pages', bytes: styled(() => true), limit: null },
  ]
}

async function buildDashboard(output) {
  const built = await build({
    configFile: fileURLToPath(new URL('../src/dashboard/vite.config.ts', import.meta.url)),
    logLevel: 'error',
    build: { write: false, rolldownOptions: { output } },
  })
  return built.output
}

/** A chunk and those that are loaded with it. */
function withImports(chunk, chunks, found = []) {
  if (chunk === undefined || found.includes(chunk)) return found
  found.push(chunk)
  for (const name of chunk.imports) {
    withImports(
      chunks.find(({ fileName }) => fileName === name),
      chunks,
      found,
    )
  }
  return found
}

function gzipped(chunks) {
  return chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)
}

function format(bytes) {
  return `${(bytes / KB).toFixed(2)} kB`
}

const factor = Number(process.argv[2] ?? 1)
for (const { name, bytes, limit } of (await Promise.all(MEASUREMENTS.map((one) => one()))).flat()) {
  const isTooLarge = limit !== null && bytes > limit * factor
  const said = limit === null ? '' : ` of ${format(limit * factor)}${isTooLarge ? '  TOO LARGE' : ''}`
  console.log(`${format(bytes).padStart(9)}${said.padEnd(24)} ${name}`)
  if (isTooLarge) process.exitCode = 1
}
