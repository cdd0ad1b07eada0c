// A generator for Prisma that hands out what Prisma understood of a schema: JSON to the file that DMMF_FILE names. Prisma talks to
// its generators in JSON-RPC, a line a message: requests on standard input, answers on standard error.
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (method === 'generate') writeFileSync(process.env.DMMF_FILE, JSON.stringify(params.dmmf.datamodel))
  const result = method === 'getManifest' ? { manifest: { prettyName: 'datamodel', defaultOutput: '.' } } : null
  process.stderr.write(`${JSON.stringify({ jsonrpc: '2.0', id, result })}\n`)
}
