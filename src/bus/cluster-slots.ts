import type { Redis } from 'ioredis'

/** Of every Redis Cluster. */
export const SLOTS = 16_384

/** A node that takes writes, and the slots that it has. */
export interface ClusterNode {
  /** `host:port`; without a host it is that of whoever was asked. */
  readonly address: string
  /** First and last ones. */
  readonly ranges: readonly (readonly [number, number])[]
}

/** Asks a node of a Cluster for all of them; null: it is of none. @throws what ioredis throws when it does not answer. */
export async function askNodes(redis: Redis): Promise<readonly ClusterNode[] | null> {
  const { host = '' } = redis.options
  let reply: unknown
  try {
    reply = await redis.cluster('SLOTS')
  } catch (error) {
    // Redis answers so when it is no Cluster, or when nobody may know: NOPERM, unknown command.
    if (error instanceof Error && error.name === 'ReplyError') return null
    throw error
  }
  const ranges = new Map<string, [number, number][]>()
  // The reply of CLUSTER SLOTS: of each range the first and last slot, its master, its replicas.
  for (const [first, last, [name, port]] of reply as [number, number, [string | null, number]][]) {
    const address = `${name || host}:${port}`
    const known = ranges.get(address)
    if (known) known.push([first, last])
    else ranges.set(address, [[first, last]])
  }
  return [...ranges].map(([address, its]) => ({ address, ranges: its }))
}

/** Where the keys with this tag are: CRC16 (XMODEM) of the tag, as Redis has it (Cluster specification, "Keys distribution model"). */
export function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff
  }
  return crc % SLOTS
}
