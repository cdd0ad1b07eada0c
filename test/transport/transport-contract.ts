import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Refusal, Transport, TransportHandler } from '../../src/transport/transport.js'
import { Heard } from './heard.js'
import { BINARY, CLOSE, PING, PONG, RawClient, TEXT } from './raw-client.js'
import { SLOW_BYTES, slowSocketContract } from './slow-socket-contract.js'

/** What the contract asks a transport to be made with. */
export interface ContractOptions {
  readonly server: Server
  readonly path: string
  readonly subprotocols: readonly string[]
  readonly maxMessageBytes: number
  readonly slowBytes: number
}

const PATH = '/live'
const MAX_MESSAGE_BYTES = 64 * 1024

const WITHOUT_MASK: [string, (client: RawClient) => void] = [
  'a frame without a mask',
  (client) => client.send(TEXT, 'x', { isMasked: false }),
]

/** A transport, and where it listens after its start. */
export interface Made {
  readonly transport: Transport
  /** Of its own; null: it takes the upgrades of the server. */
  readonly port: (() => number) | null
}

export interface Differences {
  /** Whether a frame without a mask is refused, as RFC 6455 §5.1 asks, or read as if it had one. */
  readonly unmasked: 'refused' | 'garbled'
}

/** What the sessions rely on, whatever library is below. */
export function transportContract(name: string, create: (options: ContractOptions) => Made, { unmasked }: Differences): void {
  describe(name, () => {
    let server: Server
    let transport: Transport
    let refusal: Refusal | null = null
    const opened: Heard[] = []
    const clients: RawClient[] = []

    const handler: TransportHandler = {
      admit: () => refusal,
      onOpen(socket, request) {
        const heard = new Heard(socket, request)
        opened.push(heard)
        return heard
      },
    }
    let ownPort: Made['port']
    const port = () => ownPort?.() ?? (server.address() as AddressInfo).port
    const dial = async (headers: Record<string, string> = {}, path = PATH) => {
      const client = await RawClient.open(port(), path, headers)
      clients.push(client)
      return client
    }
    /** Both ends of a new socket. */
    const open = async () => {
      const client = await dial()
      return { client, heard: opened.at(-1)! }
    }
    const frame = (...texts: string[]) => transport.prepare(texts)
    const push = (topic: string, text: string) => new Promise<void>((resolve) => transport.push(topic, frame(text), resolve))

    /** The texts that a client receives, with the "end" that was sent last. */
    const textsUntilEnd = async (client: RawClient) => {
      const texts: string[] = []
      while (texts.at(-1) !== 'end') texts.push((await client.next())!.payload.toString())
      return texts
    }

    beforeEach(async () => {
      refusal = null
      opened.length = 0
      clients.length = 0
      server = createServer((_, response) => response.writeHead(426).end())
      const made = create({
        server,
        path: PATH,
        subprotocols: ['demo.v2', 'demo.v1'],
        maxMessageBytes: MAX_MESSAGE_BYTES,
        slowBytes: SLOW_BYTES,
      })
      transport = made.transport
      ownPort = made.port
      transport.start(handler)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    })
    afterEach(async () => {
      for (const client of clients) client.socket.destroy()
      await transport.stop()
      // Ends only when no socket is left.
      await new Promise((resolve) => server.close(resolve))
    })

    describe('the handshake', () => {
      test('[C1] is that of RFC 6455, and shows the headers that say who comes', async () => {
        const client = await dial({ Origin: 'http://a', Authorization: 'Bearer x', Cookie: 'c=1' })
        expect(client.status).toBe(101)
        expect(client.header('Sec-WebSocket-Accept')).toBe(client.expectedAccept)
        expect([client.header('Sec-WebSocket-Protocol'), opened[0]?.socket.subprotocol]).toEqual([undefined, ''])
        expect(opened[0]?.request).toEqual({ origin: 'http://a', authorization: 'Bearer x', cookie: 'c=1' })
      })

      test.each([
        ['demo.v1', 'demo.v1'],
        ['demo.v1, demo.v2', 'demo.v2'],
        ['chat, demo.v1', 'demo.v1'],
      ])('[C1] offered %s it takes %s', async (offered, taken) => {
        const client = await dial({ 'Sec-WebSocket-Protocol': offered })
        expect([client.status, client.header('Sec-WebSocket-Protocol'), opened[0]?.socket.subprotocol]).toEqual([101, taken, taken])
      })

      test('[C1] only unknown subprotocols are refused with 400', async () => {
        const client = await dial({ 'Sec-WebSocket-Protocol': 'chat, demo.v3' })
        expect([client.status, client.header('Content-Type')]).toEqual([400, 'application/problem+json'])
        expect(client.response).toContain('demo.v2, demo.v1')
        expect(opened).toEqual([])
      })

      test('[C1] compression is not spoken', async () => {
        const client = await dial({ 'Sec-WebSocket-Extensions': 'permessage-deflate' })
        expect([client.status, client.header('Sec-WebSocket-Extensions')]).toEqual([101, undefined])
      })

      test('another path is refused with 404, an upgrade that is none with 400', async () => {
        expect((await dial({}, '/elsewhere')).status).toBe(404)
        expect((await dial({ 'Sec-WebSocket-Key': 'short' })).status).toBe(400)
        expect((await dial({ Upgrade: 'h2c' })).status).toBe(400)
      })

      test('[C1] what asks for no upgrade is told that it is needed: 426', async () => {
        const client = await dial({ Connection: 'close', Upgrade: '', 'Sec-WebSocket-Version': '', 'Sec-WebSocket-Key': '' })
        expect(client.status).toBe(426)
      })

      test('[C3] who is not admitted is told why over HTTP, and cannot keep the connection', async () => {
        refusal = { status: 403, code: 'ORIGIN_FORBIDDEN', message: 'not from there' }
        const client = await dial()
        await client.until(() => client.isEnded)
        expect(client.status).toBe(403)
        expect(JSON.parse(client.response.split('\r\n\r\n')[1]!)).toEqual({
          type: 'urn:tallyroom:error:ORIGIN_FORBIDDEN',
          title: 'Forbidden',
          status: 403,
          detail: 'not from there',
          code: 'ORIGIN_FORBIDDEN',
          requestId: client.header('X-Request-Id'),
        })
        expect(opened).toEqual([])
      })

      test('a connection that is reset in the middle of it hurts nobody', async () => {
        for (let count = 0; count < 20; count++) {
          const socket = connect(port(), '127.0.0.1')
          await once(socket, 'connect')
          socket.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`)
          socket.resetAndDestroy()
        }
        await open()
      })
    })

    describe('what is heard', () => {
      test('[C6] a text frame as text, a binary one as bytes', async () => {
        const { client, heard } = await open()
        client.send(TEXT, 'grüße')
        client.send(BINARY, Buffer.from('bytes'))
        await heard.until(() => heard.messages.length === 2)
        expect(heard.messages[0]).toBe('grüße')
        expect(heard.messages[1]).not.toBe('bytes')
        expect(Buffer.from(heard.messages[1] as Uint8Array).toString()).toBe('bytes')
      })

      test('[C6] fragments of one message together, also with a ping between them', async () => {
        const { client, heard } = await open()
        client.send(TEXT, 'a', { isLast: false })
        client.send(PING, 'p')
        client.send(0, 'b', { isLast: false })
        client.send(0, 'c')
        await heard.until(() => heard.messages.length === 1)
        expect(heard.messages[0]).toBe('abc')
        expect(await client.next()).toEqual({ opcode: PONG, payload: Buffer.from('p') })
      })

      test('[C6] a message of the largest size, alone and in fragments', async () => {
        const { client, heard } = await open()
        const half = 'x'.repeat(MAX_MESSAGE_BYTES / 2)
        client.send(TEXT, half + half)
        client.send(TEXT, half, { isLast: false })
        client.send(0, half)
        await heard.until(() => heard.messages.length === 2)
        expect(heard.messages.map(({ length }) => length)).toEqual([MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES])
      })

      test.each<[string, (client: RawClient) => void]>([
        ['a larger message', (client) => client.send(TEXT, 'x'.repeat(MAX_MESSAGE_BYTES + 1))],
        [
          'fragments that are larger together',
          (client) => {
            client.send(TEXT, 'x'.repeat(MAX_MESSAGE_BYTES), { isLast: false })
            client.send(0, 'x')
          },
        ],
        [
          'fragments without end',
          (client) => {
            client.send(TEXT, '', { isLast: false })
            for (let count = 0; count < 1_000; count++) client.send(0, '', { isLast: false })
          },
        ],
        ['reserved bits', (client) => client.send(TEXT, 'x', { reserved: 0x40 })],
        ['an unknown opcode', (client) => client.send(3, 'x')],
        ['a continuation of nothing', (client) => client.send(0, 'x')],
        ['a fragmented ping', (client) => client.send(PING, 'x', { isLast: false })],
        ['text that is not UTF-8', (client) => client.send(TEXT, Buffer.from([0xc3, 0x28]))],
        ['a close frame of one byte', (client) => client.send(CLOSE, 'x')],
        ...(unmasked === 'refused' ? [WITHOUT_MASK] : []),
      ])('[C6] %s ends the connection at once', async (_, breach) => {
        const { client, heard } = await open()
        breach(client)
        client.send(TEXT, 'after')
        const code = await client.closeCode()
        // 1005: uWebSockets.js answers a close frame that is none by an empty one.
        expect([null, 1002, 1005, 1007, 1008, 1009]).toContain(code)
        await heard.until(() => heard.closedWith.length === 1)
        expect(heard.messages).toEqual([])
        expect(heard.socket.isOpen).toBe(false)
      })
    })

    describe('what is sent', () => {
      test.each([0, 1, 125, 126, 127, 65_535, 65_536, 200_000])('a message of %i bytes arrives as it is', async (bytes) => {
        const { client, heard } = await open()
        const text = 'é'.repeat(bytes >> 1) + (bytes & 1 ? 'x' : '')
        heard.socket.send(frame(text))
        const received = await client.next()
        expect([received?.opcode, received?.payload.equals(Buffer.from(text))]).toEqual([TEXT, true])
      })

      test('[C1] bytes arrive in a binary frame', async () => {
        const { client, heard } = await open()
        heard.socket.send(transport.prepare([Buffer.from([1, 2, 255]), 'text']))
        expect(await client.next()).toEqual({ opcode: BINARY, payload: Buffer.from([1, 2, 255]) })
        expect((await client.next())?.opcode).toBe(TEXT)
      })

      test('messages that were prepared together arrive in order', async () => {
        const { client, heard } = await open()
        heard.socket.send(frame('one', 'two', 'three'))
        for (const text of ['one', 'two', 'three']) expect((await client.next())?.payload.toString()).toBe(text)
      })

      test('a push reaches the sockets of its topic and nobody else', async () => {
        const [one, two, other] = [await open(), await open(), await open()]
        for (const { heard } of [one, two]) heard.socket.subscribe('a')
        other.heard.socket.subscribe('b')
        await push('a', 'for a')
        two.heard.socket.unsubscribe('a')
        await push('a', 'for one')
        await push('nobody', 'for none')
        for (const { heard } of [one, two, other]) heard.socket.send(frame('end'))
        expect(await Promise.all([one, two, other].map(({ client }) => textsUntilEnd(client)))).toEqual([
          ['for a', 'for one', 'end'],
          ['for a', 'end'],
          ['end'],
        ])
      })

      test('notes when something was sent last', async () => {
        const { heard } = await open()
        const before = performance.now()
        heard.socket.subscribe('a')
        await push('a', 'x')
        expect(heard.socket.lastSentAt).toBeGreaterThanOrEqual(before)
      })
    })

    describe('the end', () => {
      test('[§7] code and reason reach the client; nothing is heard or sent afterwards', async () => {
        const { client, heard } = await open()
        heard.socket.subscribe('a')
        heard.socket.close(4005, 'expired')
        expect([heard.closedWith, heard.socket.isOpen]).toEqual([[4005], false])
        client.send(TEXT, 'late')
        heard.socket.send(frame('late'))
        await push('a', 'late')
        const received = await client.next()
        expect(received).toEqual({ opcode: CLOSE, payload: Buffer.concat([Buffer.from([4005 >> 8, 4005 & 255]), Buffer.from('expired')]) })
        client.send(CLOSE, received!.payload)
        await client.until(() => client.isEnded)
        expect([client.frames, heard.messages, heard.closedWith]).toEqual([[], [], [4005]])
      })

      test.each([
        ['with a code', (client: RawClient) => client.send(CLOSE, Buffer.from([4321 >> 8, 4321 & 255])), 4321],
        ['without one', (client: RawClient) => client.send(CLOSE, ''), 1005],
        ['by hanging up', (client: RawClient) => client.socket.destroy(), 1006],
      ])('the client ends it %s', async (_, end, code) => {
        const { client, heard } = await open()
        heard.socket.subscribe('a')
        end(client)
        await heard.until(() => heard.closedWith.length > 0)
        await push('a', 'late')
        expect([heard.closedWith, heard.socket.isOpen]).toEqual([[code], false])
      })

      test('a stop lets closing sockets end and cuts the others', async () => {
        const [polite, deaf] = [await open(), await open()]
        polite.heard.socket.close(4000, '')
        deaf.heard.socket.close(4000, '')
        polite.client.send(CLOSE, (await polite.client.next())!.payload)
        await transport.stop()
        await Promise.all([polite, deaf].map(({ client }) => client.until(() => client.isEnded)))
      })
    })

    slowSocketContract({ open, frame, push, textsUntilEnd })
  })
}
