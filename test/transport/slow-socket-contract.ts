import { describe, expect, test } from 'vitest'
import type { Frames, SendResult } from '../../src/transport/transport.js'
import type { Heard } from './heard.js'
import { PING, type RawClient, TEXT } from './raw-client.js'

/** As the transport of the contract has it. */
export const SLOW_BYTES = 64 * 1024

/** What the contract does with a transport. */
export interface Hands {
  /** Both ends of a new socket. */
  readonly open: () => Promise<{ readonly client: RawClient; readonly heard: Heard }>
  readonly frame: (...texts: string[]) => Frames
  readonly push: (topic: string, text: string) => Promise<void>
  /** The texts that a client receives, with the "end" that was sent last. */
  readonly textsUntilEnd: (client: RawClient) => Promise<string[]>
}

/** D6, as the transport sees it. */
export function slowSocketContract({ open, frame, push, textsUntilEnd }: Hands): void {
  describe('a slow socket', () => {
    /** Sends until something waits in our memory (the kernel's buffers take some megabytes), and then more than the limit at once. */
    const fill = ({ socket }: Heard) => {
      while (socket.send(frame('x'.repeat(10_000))) === 'sent');
      socket.send(frame('x'.repeat(2 * SLOW_BYTES)))
    }
    /** A client that does not read, and more than the limit waiting for it. */
    const openSlow = async () => {
      const opened = await open()
      opened.heard.socket.subscribe('a')
      opened.client.socket.pause()
      fill(opened.heard)
      return opened
    }

    test('[D6] is one for which something is due when more than the limit waits; it is dropped, and so is what follows', async () => {
      const { client, heard } = await openSlow()
      expect(heard.told).toEqual([])
      const before = heard.socket.unsentBytes
      expect(heard.socket.send(frame('one more'))).toBe('dropped')
      await heard.until(() => heard.told.length > 0)
      expect(heard.socket.send(frame('another'))).toBe('dropped')
      await push('a', 'news')
      expect([heard.told, heard.socket.isOpen, heard.closedWith]).toEqual([['slow'], true, []])
      expect(heard.socket.unsentBytes).toBeLessThanOrEqual(before)
      client.socket.resume()
      await heard.until(() => heard.told.length > 1)
      expect(heard.told).toEqual(['slow', 'drained'])
      expect(heard.socket.unsentBytes).toBe(0)
      heard.socket.send(frame('end'))
      expect(await textsUntilEnd(client)).not.toContain('one more')
    })

    test('[D6] is found out by a push too; it has left its topics, also when it has drained, until it joins them again', async () => {
      const [slow, quick] = [await openSlow(), await open()]
      for (const topic of ['a', 'b']) quick.heard.socket.subscribe(topic)
      slow.heard.socket.subscribe('b')
      await push('a', 'news')
      await push('b', 'other news')
      slow.client.socket.resume()
      await slow.heard.until(() => slow.heard.told.length === 2)
      await push('a', 'missed')
      slow.heard.socket.subscribe('a')
      await push('a', 'heard')
      for (const { heard } of [slow, quick]) heard.socket.send(frame('end'))
      expect((await textsUntilEnd(slow.client)).filter((text) => !text.startsWith('x'))).toEqual(['heard', 'end'])
      expect(await textsUntilEnd(quick.client)).toEqual(['news', 'other news', 'missed', 'heard', 'end'])
      expect([slow.heard.told, quick.heard.told]).toEqual([['slow', 'drained'], []])
    })

    test('[D6] joins no topic while it is slow', async () => {
      const { client, heard } = await openSlow()
      heard.socket.send(frame('one more'))
      await heard.until(() => heard.told.length > 0)
      heard.socket.subscribe('b')
      client.socket.resume()
      await heard.until(() => heard.told.length === 2)
      await push('b', 'news')
      heard.socket.send(frame('end'))
      expect(await textsUntilEnd(client)).not.toContain('news')
    })

    test('[D6] is nobody who was only sent a large message at once; what waits is told when it has gone', async () => {
      const { client, heard } = await open()
      client.socket.pause()
      expect(heard.socket.send(frame('x'.repeat(8 * 1024 * 1024)))).toBe('queued')
      expect(heard.socket.unsentBytes).toBeGreaterThan(SLOW_BYTES)
      client.socket.resume()
      await heard.until(() => heard.told.length > 0)
      expect([heard.told, heard.socket.unsentBytes]).toEqual([['drained'], 0])
      expect((await client.next())?.payload.length).toBe(8 * 1024 * 1024)
      expect(heard.socket.send(frame('more'))).toBe('sent')
      expect((await client.next())?.payload.toString()).toBe('more')
    })

    test('[D6] shows progress as the kernel takes bytes, not only whole messages', async () => {
      const { client, heard } = await open()
      client.socket.pause()
      heard.socket.send(frame('x'.repeat(8 * 1024 * 1024)))
      const sizes = new Set([heard.socket.unsentBytes])
      client.socket.resume()
      while (heard.told.length === 0) {
        await new Promise((resolve) => setImmediate(resolve))
        sizes.add(heard.socket.unsentBytes)
      }
      expect(sizes.size, 'all of it, something in between, nothing').toBeGreaterThanOrEqual(3)
    })

    test('[D3] little that waits is told too when it has gone, also when something was pushed behind it', async () => {
      const { client, heard } = await open()
      heard.socket.subscribe('a')
      client.socket.pause()
      let result: SendResult = 'sent'
      // Less than a stream's own mark, of which no stream tells.
      while (result === 'sent') result = heard.socket.send(frame('x'.repeat(1_000)))
      await push('a', 'news')
      client.socket.resume()
      await heard.until(() => heard.told.length > 0)
      expect([heard.told, heard.socket.unsentBytes]).toEqual([['drained'], 0])
    })

    test('[D6] can be closed: what waited arrives, then the code', async () => {
      const { client, heard } = await openSlow()
      heard.socket.send(frame('one more'))
      heard.socket.close(4001, 'too slow')
      expect([heard.closedWith, heard.socket.send(frame('late'))]).toEqual([[4001], 'dropped'])
      client.socket.resume()
      expect(await client.closeCode()).toBe(4001)
      expect(heard.told).not.toContain('drained')
    })

    test('[D6] cannot fill our memory with the answers to its pings', async () => {
      const { client, heard } = await openSlow()
      const before = heard.socket.unsentBytes
      for (let count = 0; count < 5_000; count++) client.send(PING, 'x'.repeat(125))
      client.send(TEXT, 'end')
      await heard.until(() => heard.messages.length > 0)
      expect(heard.socket.unsentBytes).toBeLessThan(before + SLOW_BYTES)
    })
  })
}
