// Reads the Dockerfile and does what an engine would: a folder for each stage, files copied by .dockerignore, commands run in them, and at the
// end the entry point, as another user where it may choose one, until the health check is content; it must have written to its volume alone. It knows the instructions that our
// Dockerfile has, and refuses others. What it cannot show: the base image, and a network and a root of its own.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** `nobody` of Debian, when root runs this: an ordinary user stays who he is. */
const NOBODY = 65534
const isRoot = process.getuid() === 0
const START_TIMEOUT_MS = 60_000
/** What engines give a container, and what leads to npm and node here. */
const PASSED_ON = ['PATH', 'HOME', 'npm_config_registry', 'NODE_EXTRA_CA_CERTS', 'HTTPS_PROXY', 'https_proxy']

const place = mkdtempSync(join(tmpdir(), 'image-'))
chmodSync(place, 0o755)
process.on('exit', () => rmSync(place, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))

const stages = []
let stage
for (const { word, rest } of instructions(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'))) {
  console.log(`${word} ${rest}`)
  step(word, rest)
}
const bytes = sizeOf(stage.root)
console.log(
  `\nfiles above the base image: ${(bytes / 1e6).toFixed(0)} MB, of which node_modules ${(sizeOf(join(stage.root, 'app/node_modules')) / 1e6).toFixed(0)} MB`,
)
await start()

/** @param {string} text of a Dockerfile */
function instructions(text) {
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n')
  return lines
    .filter((line) => line.trim() !== '')
    .map((line) => ({ word: line.split(' ', 1)[0], rest: line.slice(line.indexOf(' ') + 1).trim() }))
}

function step(word, rest) {
  switch (word) {
    case 'FROM': {
      const root = join(place, String(stages.length))
      mkdirSync(root)
      stage = { name: / AS (\S+)$/.exec(rest)?.[1], root, workdir: '/', env: {}, command: [], entry: [], health: [] }
      stages.push(stage)
      break
    }
    case 'ARG':
      stage.env[rest.split('=')[0]] = process.env[rest.split('=')[0]] ?? rest.split('=')[1]
      break
    case 'ENV':
      for (const pair of rest.split(/\s+/)) stage.env[pair.split('=')[0]] = pair.split('=')[1]
      break
    case 'WORKDIR':
      stage.workdir = rest
      mkdirSync(inside(rest), { recursive: true })
      break
    case 'RUN':
      execFileSync('sh', ['-c', rest], { cwd: inside('.'), env: environment(), stdio: ['ignore', 'ignore', 'inherit'] })
      break
    case 'COPY':
      copy(rest.split(/\s+/))
      break
    case 'HEALTHCHECK':
      stage.health = JSON.parse(rest.slice(rest.indexOf('[')))
      break
    case 'ENTRYPOINT':
      stage.entry = JSON.parse(rest)
      break
    case 'CMD':
      stage.command = JSON.parse(rest)
      break
    case 'USER':
    case 'EXPOSE':
    case 'VOLUME':
      break
    default:
      throw new Error(`an instruction that this check does not know: ${word}`)
  }
}

/** A path of the image, in the folder of its stage. */
function inside(path, { root, workdir } = stage) {
  return join(root, path.startsWith('/') ? path : join(workdir, path))
}

function environment() {
  return { ...Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))), ...stage.env }
}

function copy(words) {
  const options = words.filter((word) => word.startsWith('--'))
  const paths = words.slice(options.length)
  const to = paths.pop()
  const from = options.find((option) => option.startsWith('--from='))?.slice('--from='.length)
  const isFolder = to.endsWith('/') || to === '.' || to === './'
  for (const path of paths) {
    if (from) {
      const source = inside(
        path,
        stages.find(({ name }) => name === from),
      )
      cpSync(source, isFolder ? join(inside(to), path.split('/').at(-1)) : inside(to), { recursive: true, verbatimSymlinks: true })
    } else {
      const files = context().filter((file) => path === '.' || file === path)
      if (files.length === 0) throw new Error(`not in what is sent to the build: ${path}`)
      for (const file of files) {
        const target = join(inside(to), path === '.' ? file : file.split('/').at(-1))
        mkdirSync(dirname(target), { recursive: true })
        cpSync(join(ROOT, file), target)
      }
    }
  }
  if (options.includes('--chown=node:node') && isRoot) chownSync(inside(to), NOBODY, NOBODY)
}

/** What an engine would be sent: the files of the repository that .dockerignore leaves. */
function context() {
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n')
  const rules = readFileSync(join(ROOT, '.dockerignore'), 'utf8').trim().split('\n')
  // The last rule that fits decides.
  const isSent = (file) => rules.reduce((sent, rule) => (fits(rule.replace('!', ''), file) ? rule.startsWith('!') : sent), true)
  return listed.filter((file) => existsSync(join(ROOT, file)) && isSent(file))
}

function fits(pattern, file) {
  const source = pattern
    .replace(/[.+^$()|[\]{}]/g, '\\$&')
    .replace(/\*\*\//g, '(?:.*/)?')
    .replace(/\*/g, '[^/]*')
  return new RegExp(`^${source}(?:/|$)`).test(file)
}

function sizeOf(path) {
  const found = lstatSync(path)
  if (!found.isDirectory()) return found.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}

/** The default command, as the image would run it, until its health check ends with 0. */
async function start() {
  const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const tmp = join(place, 'tmp')
  mkdirSync(tmp)
  chmodSync(tmp, 0o777)
  const env = {
    ...environment(),
    ...(process.env.DATABASE_URL ? {} : { DATA_DIR: inside('/data') }),
    HOME: tmp,
    TMPDIR: tmp,
    HOST: '127.0.0.1',
    PORT: String(await freePort()),
    ADMIN_PORT: String(await freePort()),
  }
  const [program, ...args] = [...stage.entry, ...stage.command]
  const startedAt = performance.now()
  const child = spawn(program, args, { cwd: inside('.'), env, stdio: ['ignore', 'ignore', 'inherit'], ...user })
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)))
  let isOver = false
  void ended.then(() => {
    isOver = true
  })
  const health = () => spawnSync(stage.health[0], stage.health.slice(1), { cwd: inside('.'), env, ...user }).status === 0
  while (!health()) {
    if (isOver || performance.now() - startedAt > START_TIMEOUT_MS) {
      child.kill('SIGKILL')
      throw new Error(isOver ? `it ended with ${await ended}` : 'it did not become healthy')
    }
  }
  console.log(`healthy after ${((performance.now() - startedAt) / 1000).toFixed(1)} s, as user ${isRoot ? NOBODY : process.getuid()}`)
  const written = execFileSync('find', [inside('/app'), '-newer', join(place, 'tmp'), '-type', 'f'], { encoding: 'utf8' }).trim()
  if (written) throw new Error(`it wrote outside of its volume: ${written}`)
  child.kill('SIGTERM')
  const code = await ended
  console.log(`SIGTERM: ended with ${code}`)
  if (code !== 0) throw new Error('it did not end with 0')
  if (health()) throw new Error('the health check is content with a program that ended')
  console.log('every step done')
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}
