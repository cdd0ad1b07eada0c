// `npm run docs`: writes the pages of docs/ that are made from the source.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { SECRET_VARIABLES, VARIABLES } from '../src/config.js'
import { ERRORS } from '../src/errors.js'

/** The generated pages by their path from the root. */
export function generatedPages(): Readonly<Record<string, string>> {
  return { 'docs/errors.md': errorsPage(), 'docs/configuration.md': configurationPage() }
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { status, close, retryable, level, message }]) => [
    `\`${code}\``,
    status ?? '',
    close ?? '',
    retryable ? 'yes' : '',
    level,
    message,
  ])
  return `# Errors

Made by \`npm run docs\` from \`src/errors.ts\`.

Over HTTP an error is a problem document (\`application/problem+json\`) with \`code\`, \`type\` (\`urn:tallyroom:error:<code>\`), \`status\`, \`title\`,
\`detail\` and \`requestId\`; \`errors\` lists bad fields. In a live session it is \`{ "type": "error", "code": … }\`; with a close code the session
ends with it. Codes are for programs and stay; messages are for people and change. *Again*: the same request may succeed later.

${table(['Code', 'HTTP status', 'Close code', 'Again', 'Logged as', 'Message'], rows)}
`
}

function configurationPage(): string {
  const secrets: readonly string[] = SECRET_VARIABLES
  const rows = Object.entries(VARIABLES).map(([name, schema]) => [
    `\`${name}\``,
    defaultOf(schema),
    valuesOf(schema),
    schema.description ?? '',
  ])
  return `# Configuration

Made by \`npm run docs\` from \`src/config.ts\`. Read once from the environment; an empty value is as good as none. What is wrong is said at the
start, all of it at once, with exit code 2.

${table(['Variable', 'Default', 'Values', 'What it does'], rows)}

${secrets.map((name) => `\`${name}\``).join(', ')} may stand in files instead: \`${secrets[0]}_FILE\` and so on name them.
`
}

function defaultOf(schema: z.ZodType): string {
  const { data } = schema.safeParse(undefined)
  return data === undefined || (Array.isArray(data) && data.length === 0) ? '' : `\`${data}\``
}

function valuesOf(schema: z.ZodType): string {
  const shape = z.toJSONSchema(schema, { unrepresentable: 'any' })
  if (shape.enum) return shape.enum.map((value) => `\`${value}\``).join(', ')
  if (shape.minimum !== undefined && shape.maximum !== undefined) return `${shape.minimum}–${shape.maximum}`
  return shape.minLength !== undefined && shape.minLength > 1 ? `≥ ${shape.minLength} characters` : ''
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of Object.entries(generatedPages())) writeFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), text)
}
