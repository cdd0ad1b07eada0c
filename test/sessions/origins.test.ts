import { describe, expect, test } from 'vitest'
import { allowedOrigins } from '../../src/sessions/origins.js'

describe('[C3] the allowed origins', () => {
  test('are the names of loopback with the port, when only this machine can connect', () => {
    const expected = ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080']
    for (const host of ['127.0.0.1', 'localhost', '::1', '127.1.2.3']) {
      expect([...allowedOrigins({ host, port: 8080 })]).toEqual(expected)
    }
  })

  test('leave out the default port as browsers do', () => {
    expect(allowedOrigins({ host: '127.0.0.1', port: 80 })).toContain('http://localhost')
  })

  test('are only the public address and those listed, when others can connect', () => {
    const origins = allowedOrigins({
      host: '0.0.0.0',
      port: 8080,
      publicUrl: 'https://rooms.example/base/',
      allowed: ['https://a.example'],
    })
    expect([...origins].sort()).toEqual(['https://a.example', 'https://rooms.example'])
  })
})
