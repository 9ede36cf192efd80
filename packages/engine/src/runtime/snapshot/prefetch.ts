/** What may be read and not yet taken: enough for a disk, and for some answers of a store of objects to be on their way together. */
const BYTES_AHEAD_MAX = 8 * 1024 * 1024
const READS_AHEAD_MAX = 16

export interface PrefetchOptions<T, R> {
  readonly sizeBytes: (item: T) => number
  readonly read: (item: T) => Promise<R>
}

/**
 * The items in their order, each with what was read for it, while those behind it are being read. One is read however large it is.
 * Whoever stops early, or is told of a failure, has no read left running.
 */
export async function* prefetch<T, R>(items: Iterable<T>, { sizeBytes, read }: PrefetchOptions<T, R>): AsyncGenerator<readonly [T, R]> {
  const reading: { readonly item: T; readonly bytes: number; readonly outcome: Promise<R> }[] = []
  const rest = items[Symbol.iterator]()
  let next = rest.next()
  let bytesAhead = 0
  try {
    for (;;) {
      while (next.done !== true && reading.length < READS_AHEAD_MAX) {
        const item = next.value
        const bytes = sizeBytes(item)
        if (reading.length > 0 && bytesAhead + bytes > BYTES_AHEAD_MAX) break
        const outcome = read(item)
        // Failures are met in their turn, if at all.
        outcome.catch(() => {})
        reading.push({ item, bytes, outcome })
        bytesAhead += bytes
        next = rest.next()
      }
      const first = reading[0]
      if (first === undefined) return
      const answer = await first.outcome
      reading.shift()
      bytesAhead -= first.bytes
      yield [first.item, answer]
    }
  } finally {
    await Promise.allSettled(reading.map(({ outcome }) => outcome))
  }
}
