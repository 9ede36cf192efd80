import type { AbortedTransaction } from '../index/transaction-index.ts'
import type { PooledFile } from '../segment/file-pool.ts'

/**
 * Up to where a reader may see: replicas all that is written, consumers what is replicated, `read-committed` ones only what
 * is decided.
 */
export type Isolation = 'log-end' | 'high-watermark' | 'last-stable'

/** What is read, from where on, and how much of it. */
export interface ReadOptions {
  /** The first batch holds it or follows it; records before it are the reader's to skip. */
  readonly startOffset: number
  /** The last batch may be cut off there. */
  readonly maxBytes: number
  /** How far the reader may see. */
  readonly isolation: Isolation
  /** Gives the first batch whole even if it is larger than `maxBytes`. */
  readonly minOneBatch: boolean
}

/** A stretch of a segment's file. */
export interface FileRange {
  readonly file: PooledFile
  readonly position: number
  readonly lengthBytes: number
}

/**
 * Where the bytes are that a reader asked for. The files stay until `release` is called, which must be done.
 *
 * The first batch holds `startOffset` or follows it, and is whole; the last one may be cut off by `maxBytes`.
 */
export interface ReadPlan {
  readonly ranges: readonly FileRange[]
  readonly sizeBytes: number
  readonly logStartOffset: number
  readonly logEndOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  /** With isolation `last-stable`: the transactions whose records a reader must leave out. Otherwise undefined. */
  readonly abortedTransactions: readonly AbortedTransaction[] | undefined
  /** Fills `into` with the planned bytes from `position` on, which counts over all ranges. @throws `STORAGE_*` */
  readInto(into: Uint8Array, position: number): Promise<void>
  release(): void
}

/** Loads the whole plan. Fetches stream it instead. */
export async function readRanges(plan: ReadPlan): Promise<Uint8Array> {
  const bytes = new Uint8Array(plan.sizeBytes)
  await plan.readInto(bytes, 0)
  return bytes
}

/** Fills `into` with the bytes of the ranges from `position` on. Gives whether all of them were there. */
export async function fillFromRanges(ranges: readonly FileRange[], into: Uint8Array, position: number): Promise<boolean> {
  let filledBytes = 0
  let skippedBytes = position
  for (const range of ranges) {
    if (filledBytes === into.length) break
    if (skippedBytes >= range.lengthBytes) {
      skippedBytes -= range.lengthBytes
      continue
    }
    const count = Math.min(range.lengthBytes - skippedBytes, into.length - filledBytes)
    const read = await range.file.read(into.subarray(filledBytes, filledBytes + count), range.position + skippedBytes)
    if (read < count) return false
    filledBytes += count
    skippedBytes = 0
  }
  return filledBytes === into.length
}
