import type { AbortedTransaction } from '../index/transaction-index.ts'
import type { PooledFile } from '../segment/file-pool.ts'

/**
 * Up to where a reader may see: replicas all that is written, consumers what is replicated, `read-committed` ones only what
 * is decided.
 */
export type Isolation = 'log-end' | 'high-watermark' | 'last-stable'

export interface ReadOptions {
  readonly startOffset: number
  readonly maxBytes: number
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
 * The first batch holds `startOffset` or follows it; the last one may be cut off by `maxBytes`.
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
  release(): void
}

/** Loads the whole plan. Fetches stream the ranges instead. */
export async function readRanges(plan: ReadPlan): Promise<Uint8Array> {
  const bytes = new Uint8Array(plan.sizeBytes)
  let filled = 0
  for (const { file, position, lengthBytes } of plan.ranges)
    filled += await file.read(bytes.subarray(filled, filled + lengthBytes), position)
  return bytes.subarray(0, filled)
}
