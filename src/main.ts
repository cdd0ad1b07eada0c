#!/usr/bin/env node
import { AppError, UsageError } from './errors.js'

/** A module of `commands/`. */
interface Command {
  /** Printed for `--help`; begins with `usage: `. */
  readonly USAGE: string
  /** Answers the exit code. */
  run(args: readonly string[]): Promise<number>
}

const COMMANDS: Readonly<Record<string, { readonly says: string; readonly load: () => Promise<Command> }>> = {
  start: { says: 'Serves and works on http://localhost:8080; ROLE says what.', load: () => import('./commands/start.js') },
  serve: { says: 'Serves HTTP and live sessions only.', load: () => import('./commands/serve.js') },
  work: { says: 'Works on jobs only.', load: () => import('./commands/work.js') },
  reconcile: { says: 'Matches two files and says what is left over.', load: () => import('./commands/reconcile.js') },
  sample: { says: 'Writes two files to reconcile and the truth about them.', load: () => import('./commands/sample.js') },
  link: { says: 'Prints a sign-in link for a person.', load: () => import('./commands/link.js') },
  token: { says: 'Prints a token for a service.', load: () => import('./commands/token.js') },
  migrate: { says: 'Brings the database at DATABASE_URL up to date.', load: () => import('./commands/migrate.js') },
}

// Whoever read our output has gone (`… | head`): what is said from now on is for nobody, and no reason to end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await main(process.argv.slice(2))

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined) {
    console.error(help())
    return 2
  }
  if (['help', '--help', '-h'].includes(name)) {
    console.log(help())
    return 0
  }
  if (!Object.hasOwn(COMMANDS, name)) {
    console.error(`there is no command ${name}; there are ${Object.keys(COMMANDS).join(', ')}`)
    return 2
  }
  try {
    const { USAGE, run } = await COMMANDS[name]!.load()
    if (!args.includes('--help') && !args.includes('-h')) return await run(args)
    console.log(USAGE)
    return 0
  } catch (error) {
    return complain(error)
  }
}

function help(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((command) => command.length))
  const lines = Object.entries(COMMANDS).map(([command, { says }]) => `  ${command.padEnd(width)}  ${says}`)
  return ['usage: tallyroom COMMAND [options]', '', ...lines, '', 'tallyroom COMMAND --help tells more.'].join('\n')
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
