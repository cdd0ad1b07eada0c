/** As much of a file as is looked at before its first row is read: what {@link MAX_ROW_BYTES} and the guess need fits in. */
export const HEAD_BYTES = 1_048_576

/** The beginning of a file, and the way to read all of it, once. */
export interface FileHead {
  readonly bytes: Buffer
  /** Nothing comes after it. */
  readonly isWhole: boolean
  /** The whole file, the head again as its first chunk. Closes the source when it ends or is left. */
  all(): AsyncGenerator<Uint8Array>
  /** Lets go of the source unread. */
  close(): Promise<void>
}

/** Reads the first {@link HEAD_BYTES} bytes, or all there are. */
export async function takeHead(source: AsyncIterable<Uint8Array>): Promise<FileHead> {
  const iterator = source[Symbol.asyncIterator]()
  const chunks: Uint8Array[] = []
  let length = 0
  let isWhole = false
  while (length <= HEAD_BYTES) {
    const next = await iterator.next()
    if (next.done) {
      isWhole = true
      break
    }
    chunks.push(next.value)
    length += next.value.length
  }
  const bytes = Buffer.concat(chunks)
  const close = async () => {
    await iterator.return?.()
  }
  return { bytes, isWhole, close, all: () => resume(bytes, isWhole, iterator, close) }
}

async function* resume(
  head: Buffer,
  isWhole: boolean,
  iterator: AsyncIterator<Uint8Array>,
  close: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  try {
    yield head
    if (isWhole) return
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
  } finally {
    await close()
  }
}
