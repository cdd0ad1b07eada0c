#!/usr/bin/env node
import { AppError, UsageError } from './errors.js'

/** Runs a command; answers its exit code. */
type Command = (args: readonly string[]) => Promise<number>

const COMMANDS: Readonly<Record<string, { readonly says: string; readonly load: () => Promise<{ readonly run: Command }> }>> = {
  start: { says: 'serve and work on http://localhost:8080; what ROLE says', load: () => import('./commands/start.js') },
  serve: { says: 'HTTP and live sessions only', load: () => import('./commands/serve.js') },
  work: { says: 'jobs only', load: () => import('./commands/work.js') },
  reconcile: { says: 'match two files: reconcile left.csv right.csv', load: () => import('./commands/reconcile.js') },
  sample: { says: 'write two files and their truth: sample --seed N --rows R --out DIR', load: () => import('./commands/sample.js') },
  link: { says: 'a sign-in link: link --name Ana', load: () => import('./commands/link.js') },
  token: { says: 'a token for a service: token --user feed --publish PROJECT', load: () => import('./commands/token.js') },
  migrate: { says: 'bring the database at DATABASE_URL up to date', load: () => import('./commands/migrate.js') },
}

const [name, ...args] = process.argv.slice(2)
if (name === undefined || name === 'help' || name === '--help') {
  const width = Math.max(...Object.keys(COMMANDS).map((command) => command.length))
  for (const [command, { says }] of Object.entries(COMMANDS)) console.log(`tallyroom ${command.padEnd(width)}  ${says}`)
  process.exitCode = name === undefined ? 2 : 0
} else if (COMMANDS[name] === undefined) {
  console.error(`there is no command ${name}; there are ${Object.keys(COMMANDS).join(', ')}`)
  process.exitCode = 2
} else {
  try {
    const { run } = await COMMANDS[name].load()
    process.exitCode = await run(args)
  } catch (error) {
    process.exitCode = complain(error)
  }
}

/** One sentence for what the caller can mend (exit code 2), the stack for what is our fault (1). */
function complain(error: unknown): number {
  if (error instanceof UsageError || error instanceof AppError) {
    console.error(error.message)
    for (const { path, message, readings } of (error instanceof AppError && error.problems) || []) {
      // The first problem is what the message is made of.
      if (!error.message.includes(message)) console.error(`  ${path}: ${message}`)
      for (const { value, example } of readings ?? []) console.error(`  ${path} ${JSON.stringify(value)}: ${example}`)
    }
    return 2
  }
  // parseArgs says in plain words which option is wrong.
  if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')) {
    console.error(error.message)
    return 2
  }
  console.error(error)
  return 1
}
