import { expect, test } from 'vitest'
import { handlingOf } from '../../src/dashboard/service-worker/requests.js'

const origin = 'http://localhost:8080'
const files = new Set(['/index.html', '/assets/app-1a2b.js'])
const of = (method: string, path: string, mode = 'cors') => handlingOf({ method, url: new URL(path, origin).href, mode }, { origin, files })

test.each([
  ['/', 'navigate', 'page'],
  ['/somewhere', 'navigate', 'page'],
  ['/index.html', 'navigate', 'asset'],
  ['/assets/app-1a2b.js', 'cors', 'asset'],
  ['/assets/of-another-version.js', 'cors', 'network'],
  ['/v1/me', 'cors', 'read'],
  ['/v1/projects/1/matches?status=proposed', 'cors', 'read'],
] as const)('%s (%s) is answered as %s', (path, mode, handling) => {
  expect(of('GET', path, mode)).toBe(handling)
})

test.each(['/v1/sessions', '/v1/sessions/current', '/v1/tickets', '/v1/live'])(
  '%s, which is sign-in or a socket, is left alone',
  (path) => {
    for (const method of ['GET', 'POST', 'DELETE']) expect(of(method, path)).toBe('network')
  },
)

test('writes, downloads and other origins are left alone', () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'HEAD']) expect(of(method, '/v1/projects')).toBe('network')
  expect(of('GET', '/v1/projects/1/export?what=matches&format=csv', 'navigate')).toBe('network')
  expect(of('GET', '/v1/projects/1/sources/2/rejected')).toBe('network')
  expect(of('GET', 'https://elsewhere.example/v1/me')).toBe('network')
})
