import { UsageError } from '../errors.js'
import type { HttpServer } from './server.js'

/** Answers the port. @throws UsageError when it is taken or may not be used. */
export async function listen(http: HttpServer, { host, port }: { readonly host: string; readonly port: number }): Promise<number> {
  try {
    return await http.listen({ host, port })
  } catch (error) {
    throw new UsageError(`cannot listen on ${host}:${port}: ${reasonOf(error)}; set PORT to another one`)
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  return code === 'EADDRINUSE' ? 'another process has the port' : error instanceof Error ? error.message : String(error)
}

/** How people write the address of this machine. */
export function hostName(host: string): string {
  if (['127.0.0.1', '0.0.0.0', '::', '::1'].includes(host)) return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}
