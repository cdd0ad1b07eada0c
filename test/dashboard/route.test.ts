import { describe, expect, test } from 'vitest'
import { parseRoute, parseSignIn, readSignIn, routeHref } from '../../src/dashboard/route.js'

test.each([
  ['', { page: 'projects' }],
  ['#/', { page: 'projects' }],
  ['#/nonsense/x', { page: 'projects' }],
  ['#/projects/p1', { page: 'project', project: 'p1', tab: 'overview' }],
  ['#/projects/p1/match', { page: 'project', project: 'p1', tab: 'match' }],
  ['#/projects/p1/nonsense', { page: 'project', project: 'p1', tab: 'overview' }],
])('the address %s', (hash, expected) => {
  expect(parseRoute(hash)).toEqual(expected)
})

test('a link leads where it says', () => {
  for (const tab of ['overview', 'match', 'breaks', 'import'] as const) {
    expect(parseRoute(routeHref('p1', tab))).toEqual({ page: 'project', project: 'p1', tab })
  }
})

describe('a sign-in link', () => {
  test('is no page', () => {
    expect(parseSignIn('#signin=a.b-c_d~1')).toBe('a.b-c_d~1')
    expect(parseSignIn('#/projects/p1')).toBeNull()
  })

  test.each([
    ['https://rooms.example/#signin=abc', 'abc'],
    ['  abc\n', 'abc'],
    ['#signin=abc', 'abc'],
    ['https://rooms.example/', null],
    ['two words', null],
  ])('pasted as %j', (text, code) => {
    expect(readSignIn(text)).toBe(code)
  })
})
