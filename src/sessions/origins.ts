export interface OriginOptions {
  /** Address and port that the server listens on. */
  readonly host: string
  readonly port: number
  /** `PUBLIC_URL`. */
  readonly publicUrl?: string | undefined
  /** `ALLOWED_ORIGINS`. */
  readonly allowed?: readonly string[]
}

/**
 * The origins whose pages may open a session (C3): the loopback names when listening on loopback, the public address, and
 * what the operator listed. Nothing is derived from a request.
 */
export function allowedOrigins({ host, port, publicUrl, allowed = [] }: OriginOptions): ReadonlySet<string> {
  const origins = new Set(allowed)
  if (isLoopback(host)) {
    // Through `URL`, because a browser leaves the default port out of its origin.
    for (const name of ['localhost', '127.0.0.1', '[::1]']) origins.add(new URL(`http://${name}:${port}`).origin)
  }
  if (publicUrl !== undefined) origins.add(new URL(publicUrl).origin)
  return origins
}

/** Whether the address is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host)
}
