/**
 * Walks the batches of a byte range without touching their records, and says why it stopped.
 *
 * 1. `position` is the end of the last whole, sensible batch: what lies before it may be kept, what lies behind may not.
 * 2. A batch that ends beyond the range is `truncated`, also when its claimed size is absurd but allowed; one that no further byte could mend is `corrupt`.
 * 3. After `next` has returned undefined, `stop` says why, and stays.
 */
import { BATCH_FIELD, BATCH_HEADER_BYTES, BATCH_MAGIC, BATCH_MAGIC_END, BATCH_PREFIX_BYTES, BatchView, headerProblem } from './batch.ts'
import { readInt32, readInt8 } from '../protocol/primitives.ts'

/** Which range is walked, and how much is checked; positions and sizes in bytes. */
export interface BatchCursorOptions {
  /** Default 0. */
  readonly start?: number
  /** Default the end of the bytes. */
  readonly end?: number
  /** Whether each batch's CRC is checked. Default false. */
  readonly verifyCrc?: boolean
  /** A batch that claims more is corrupt. Default 2^31-1. */
  readonly batchBytesMax?: number
}

/** Why a cursor gives no further batch. */
export type BatchStop =
  /** The range ended behind a whole batch. */
  | { readonly reason: 'end' }
  /** The range ends inside a batch; `neededBytes` from `position` would make its size known, or the batch whole. */
  | { readonly reason: 'truncated'; readonly neededBytes: number }
  | { readonly reason: 'corrupt'; readonly problem: string }

/** Walks the batches that lie one behind the other in a range of bytes. */
export class BatchCursor {
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #verifyCrc: boolean
  readonly #batchBytesMax: number
  #stop: BatchStop | undefined
  /** Where the next batch begins. */
  position: number

  constructor(bytes: Uint8Array, options: BatchCursorOptions = {}) {
    this.#bytes = bytes
    this.position = options.start ?? 0
    this.#end = options.end ?? bytes.length
    this.#verifyCrc = options.verifyCrc ?? false
    this.#batchBytesMax = options.batchBytesMax ?? 0x7fff_ffff
  }

  /** Why the walk ended; undefined while it goes on. */
  get stop(): BatchStop | undefined {
    return this.#stop
  }

  /** The next batch, or undefined with `stop` set. */
  next(): BatchView | undefined {
    if (this.#stop !== undefined) return undefined
    this.#stop = this.#look()
    if (this.#stop !== undefined) return undefined
    const batch = new BatchView(this.#bytes, this.position)
    const problem = headerProblem(batch) ?? (this.#verifyCrc && !batch.isCrcValid() ? 'the CRC does not match' : undefined)
    if (problem !== undefined) {
      this.#stop = { reason: 'corrupt', problem }
      return undefined
    }
    this.position += batch.sizeBytes
    return batch
  }

  *[Symbol.iterator](): Generator<BatchView, void, undefined> {
    for (let batch = this.next(); batch !== undefined; batch = this.next()) yield batch
  }

  /** Whether the bytes at the position are a whole batch by size and magic. */
  #look(): BatchStop | undefined {
    const available = this.#end - this.position
    if (available === 0) return { reason: 'end' }
    if (available < BATCH_MAGIC_END) return { reason: 'truncated', neededBytes: BATCH_MAGIC_END }
    const length = readInt32(this.#bytes, this.position + BATCH_FIELD.length)
    if (length < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES) return { reason: 'corrupt', problem: `a batch length of ${length}` }
    const size = length + BATCH_PREFIX_BYTES
    if (size > this.#batchBytesMax)
      return { reason: 'corrupt', problem: `a batch of ${size} bytes where ${this.#batchBytesMax} are allowed` }
    const magic = readInt8(this.#bytes, this.position + BATCH_FIELD.magic)
    if (magic !== BATCH_MAGIC) return { reason: 'corrupt', problem: `magic ${magic}` }
    return size > available ? { reason: 'truncated', neededBytes: size } : undefined
  }
}

/** The batches of a byte range up to its end, a torn tail or damage. Use `BatchCursor` to learn which of them ended it. */
export function batches(bytes: Uint8Array, options: BatchCursorOptions = {}): Generator<BatchView, void, undefined> {
  return new BatchCursor(bytes, options)[Symbol.iterator]()
}
