import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { UsageError } from '../errors.js'
import type { Metrics } from '../metrics/metrics.js'
import { adminPage } from './admin-page.js'
import type { AdminReport } from './admin-report.js'
import type { Readiness } from './readiness.js'

export interface AdminServerOptions {
  readonly port: number
  /** Address to listen on. Default that of loopback: it tells what nobody outside needs to know. */
  readonly host?: string
  readonly readiness: Pick<Readiness, 'judge'>
  readonly metrics: Pick<Metrics, 'text'>
  readonly report: Pick<AdminReport, 'read'>
}

export interface AdminServer {
  readonly port: number
  /** Where to ask, from this machine. */
  readonly address: string
  close(): Promise<void>
}

const LOOPBACK = '127.0.0.1'

/**
 * What operators and load balancers ask, on a port of its own: `/livez` (200 while the loop turns), `/readyz` (200 or 503; with `?verbose`
 * why), `/metrics` for Prometheus, `/admin` for people (with `?format=json`, or asked for it, as data).
 * @throws UsageError when the port cannot be had.
 */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const { port, host = LOOPBACK } = options
  const server = createServer((request, response) => {
    // Whatever a section throws is its own business; nobody waits for an answer that does not come.
    answer(options, request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    // Not once: also who cannot be accepted, for want of file handles, is an error, and one that nobody hears ends the process.
    server.on('error', (error) =>
      reject(new UsageError(`cannot listen on ${host}:${port}: ${error.message}; set ADMIN_PORT to another one`)),
    )
    server.listen(port, host, resolve)
  })
  // Of a server that listens on TCP.
  const { port: taken } = server.address() as AddressInfo
  const near = ['0.0.0.0', '::'].includes(host) ? LOOPBACK : host.includes(':') ? `[${host}]` : host
  return {
    port: taken,
    address: `http://${near}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  { readiness, metrics, report }: AdminServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://admin')
  if (request.method !== 'GET' && request.method !== 'HEAD') return reply(response, 405, 'method not allowed')
  switch (pathname) {
    case '/livez':
      return reply(response, 200, 'ok')
    case '/readyz': {
      const judged = await readiness.judge()
      const status = judged.ready ? 200 : 503
      if (searchParams.has('verbose')) return reply(response, status, JSON.stringify(judged), 'application/json')
      return reply(response, status, judged.ready ? 'ok' : 'not ready')
    }
    case '/metrics': {
      const { body, type } = await metrics.text()
      return reply(response, 200, body.trimEnd(), type)
    }
    case '/admin': {
      const read = await report.read()
      const wantsData = searchParams.get('format') === 'json' || !request.headers.accept?.includes('text/html')
      if (wantsData) return reply(response, 200, JSON.stringify(read, null, 2), 'application/json')
      return reply(response, 200, adminPage(read), 'text/html; charset=utf-8')
    }
    default:
      return reply(response, 404, 'not found')
  }
}

function reply(response: ServerResponse, status: number, text: string, type = 'text/plain'): void {
  response
    .writeHead(status, {
      'content-type': type,
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    })
    .end(`${text}\n`)
}
