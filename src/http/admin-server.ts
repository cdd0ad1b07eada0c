import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UsageError } from '../errors.js'
import type { Readiness } from './readiness.js'

export interface AdminServer {
  readonly port: number
  close(): Promise<void>
}

/** It tells what nobody outside needs to know. */
const HOST = '127.0.0.1'

/**
 * What operators and load balancers ask, on a port of its own: `/livez` (200 while the loop turns) and `/readyz` (200 or 503; with `?verbose`
 * why). @throws UsageError when the port cannot be had.
 */
export async function startAdminServer(port: number, readiness: Pick<Readiness, 'judge'>): Promise<AdminServer> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://admin')
    if (request.method !== 'GET' && request.method !== 'HEAD') reply(response, 405, 'method not allowed')
    else if (pathname === '/livez') reply(response, 200, 'ok')
    else if (pathname !== '/readyz') reply(response, 404, 'not found')
    else {
      void readiness.judge().then((report) => {
        const status = report.ready ? 200 : 503
        if (searchParams.has('verbose')) reply(response, status, JSON.stringify(report), 'application/json')
        else reply(response, status, report.ready ? 'ok' : 'not ready')
      })
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new UsageError(`cannot listen on ${HOST}:${port}: ${error.message}; set ADMIN_PORT to another one`)),
    )
    server.listen(port, HOST, resolve)
  })
  return {
    // Of a server that listens on TCP.
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function reply(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(`${text}\n`)
}
