import { afterEach, expect, test, vi } from 'vitest'
import { type WakeReason, watchPage } from '../../src/client/wake.js'

afterEach(() => void vi.unstubAllGlobals())

test('in a browser: the network that is back, the page that is shown again, and nothing after it was stopped', () => {
  const page = new EventTarget()
  const document = { visibilityState: 'visible' }
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  const heard: WakeReason[] = []
  const stop = watchPage((reason) => heard.push(reason))
  const happen = (type: string) => page.dispatchEvent(new Event(type))
  happen('online')
  happen('pageshow')
  document.visibilityState = 'hidden'
  happen('visibilitychange')
  document.visibilityState = 'visible'
  happen('visibilitychange')
  expect(heard).toEqual(['online', 'shown', 'shown'])
  stop()
  happen('online')
  happen('visibilitychange')
  expect(heard).toHaveLength(3)
})

test('elsewhere there is nothing to hear', () => {
  const stop = watchPage(() => expect.unreachable())
  stop()
})
