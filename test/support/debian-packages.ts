import { execFile } from 'node:child_process'
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export interface Program {
  /** Names to look for on PATH. */
  readonly names: readonly string[]
  /** Debian's package that has it. */
  readonly package: string
  /** Where the package puts it. */
  readonly path: string
  /** The package starts a server when it is installed, and nobody asked for that: it is unpacked, also for root. */
  readonly startsServer?: true
}

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/tallyroom/', import.meta.url))
const APT_TIMEOUT_MS = 300_000
const run = promisify(execFile)

/**
 * The path of a program: on PATH; else, for root, installed by apt-get; else, for any user of a Debian, unpacked with the libraries it
 * lacks below `node_modules/.cache/`.
 * @throws Error with the reason.
 */
export async function findProgram(program: Program): Promise<string> {
  const found = onPath(program.names)
  if (found !== null) return found
  if (onPath(['apt-get']) === null || onPath(['dpkg']) === null) throw new Error(`no ${program.names[0]} on PATH`)
  if (process.getuid?.() === 0 && !program.startsServer) {
    console.log(`installing ${program.package} with apt-get`)
    await install(program.package)
    const installed = onPath(program.names)
    if (installed === null) throw new Error(`${program.package} brought no ${program.names[0]}`)
    return installed
  }
  return unpacked(program)
}

function onPath(names: readonly string[]): string | null {
  for (const name of names) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name)
      try {
        accessSync(path, constants.X_OK)
        return path
      } catch {
        // Not here.
      }
    }
  }
  return null
}

async function install(name: string): Promise<void> {
  const order = ['install', '-y', '--no-install-recommends', name]
  try {
    await apt(order)
  } catch {
    // The lists of packages are missing or old.
    await apt(['update'])
    await apt(order)
  }
}

async function unpacked(program: Program): Promise<string> {
  const home = join(CACHE, program.package)
  const wrapper = join(home, basename(program.path))
  if (existsSync(wrapper)) return wrapper
  // Another program of the package was wanted before.
  if (existsSync(join(home, 'root', program.path))) return wrapped(program, home, home)
  console.log(`unpacking ${program.package} below node_modules/.cache/`)
  mkdirSync(CACHE, { recursive: true })
  // Made aside and moved, so that two runs at once cannot see half of it.
  const work = mkdtempSync(join(CACHE, 'unpack-'))
  // Services run as somebody else than root.
  chmodSync(work, 0o755)
  try {
    const root = join(work, 'root')
    for (const archive of await download(program.package, work)) await run('dpkg', ['-x', archive, root])
    wrapped(program, work, home)
    rmSync(join(work, 'apt'), { recursive: true })
    if (!existsSync(home)) renameSync(work, home)
    return wrapper
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Downloads the package and what it needs and the system lacks, into folders of our own; answers the archives. */
async function download(name: string, work: string): Promise<string[]> {
  const archives = join(work, 'apt', 'archives')
  const lists = join(work, 'apt', 'lists')
  for (const folder of [archives, lists]) mkdirSync(join(folder, 'partial'), { recursive: true })
  // Nothing of the system is written, so its locks (root's) are not needed.
  const own = ['-o', 'Debug::NoLocking=1', '-o', `Dir::Cache::archives=${archives}`]
  const order = ['install', '--download-only', '-y', '--no-install-recommends', name]
  try {
    await apt([...own, ...order])
  } catch {
    own.push('-o', `Dir::State::lists=${lists}`, '-o', `Dir::Cache::pkgcache=`, '-o', `Dir::Cache::srcpkgcache=`)
    await apt([...own, 'update'])
    await apt([...own, ...order])
  }
  return readdirSync(archives)
    .filter((file) => file.endsWith('.deb'))
    .map((file) => join(archives, file))
}

async function apt(args: readonly string[]): Promise<void> {
  try {
    await run('apt-get', args, { timeout: APT_TIMEOUT_MS, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' } })
  } catch (error) {
    const said = String((error as { readonly stderr?: string }).stderr ?? '')
    throw new Error(said.match(/^E: .*$/m)?.[0] ?? (error as Error).message)
  }
}

/** Writes a script that starts the program with its unpacked libraries and fonts; answers where it will be. `work` becomes `home`. */
function wrapped(program: Program, work: string, home: string): string {
  const root = join(work, 'root')
  const folders = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => /\.so(\.|$)/.test(entry.name))
    .map((entry) => entry.parentPath.replace(work, home))
  const fonts = join(home, 'fonts.conf')
  writeFileSync(
    join(work, 'fonts.conf'),
    `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<dir>${join(home, 'root/usr/share/fonts')}</dir><dir>/usr/share/fonts</dir><cachedir>${join(home, 'fonts-cache')}</cachedir></fontconfig>\n`,
  )
  const name = basename(program.path)
  const script = `#!/bin/sh
export LD_LIBRARY_PATH='${[...new Set(folders)].join(':')}'
export FONTCONFIG_FILE='${fonts}'
exec '${join(home, 'root', program.path)}' "$@"
`
  writeFileSync(join(work, name), script, { mode: 0o755 })
  return join(home, name)
}
