// The health check of the image: ends with 0 when this process would be sent traffic. The port of operators is asked from inside: it listens on loopback.
const port = process.env.ADMIN_PORT ?? '9464'
const isReady = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2_500) }).then(
  ({ ok }) => ok,
  () => false,
)
process.exit(isReady ? 0 : 1)
