import { readInt16, isSafeInt64, readInt64, writeInt16, writeInt64 } from '../../protocol/primitives.ts'
import { logError } from '../../errors.ts'

export const ABORTED_TRANSACTION_BYTES = 34
const version = 0

/** A transaction that was aborted, as a segment's `.txnindex` keeps it. */
export interface AbortedTransaction {
  readonly producerId: number
  /** Of its first record. */
  readonly firstOffset: number
  /** Of its marker. */
  readonly lastOffset: number
  /** What the last stable offset became by its end. */
  readonly lastStableOffset: number
}

export function encodeAbortedTransactions(transactions: readonly AbortedTransaction[]): Uint8Array {
  const bytes = new Uint8Array(transactions.length * ABORTED_TRANSACTION_BYTES)
  for (const [index, { producerId, firstOffset, lastOffset, lastStableOffset }] of transactions.entries()) {
    const at = index * ABORTED_TRANSACTION_BYTES
    writeInt16(bytes, at, version)
    writeInt64(bytes, at + 2, producerId)
    writeInt64(bytes, at + 10, firstOffset)
    writeInt64(bytes, at + 18, lastOffset)
    writeInt64(bytes, at + 26, lastStableOffset)
  }
  return bytes
}

/** @throws `STORAGE_CORRUPT` */
export function parseAbortedTransactions(bytes: Uint8Array, path: string): AbortedTransaction[] {
  if (bytes.length % ABORTED_TRANSACTION_BYTES !== 0) throw logError('STORAGE_CORRUPT', { path, problem: `a size of ${bytes.length}` })
  const transactions: AbortedTransaction[] = []
  for (let at = 0; at < bytes.length; at += ABORTED_TRANSACTION_BYTES) {
    const sensible = readInt16(bytes, at) === version && [2, 10, 18, 26].every((field) => isSafeInt64(bytes, at + field))
    const transaction = sensible
      ? {
          producerId: readInt64(bytes, at + 2),
          firstOffset: readInt64(bytes, at + 10),
          lastOffset: readInt64(bytes, at + 18),
          lastStableOffset: readInt64(bytes, at + 26),
        }
      : undefined
    const before = transactions.at(-1)
    if (transaction === undefined || (before !== undefined && transaction.lastOffset <= before.lastOffset)) {
      throw logError('STORAGE_CORRUPT', { path, problem: `the entry at byte ${at}` })
    }
    transactions.push(transaction)
  }
  return transactions
}

/**
 * The aborted transactions that concern a reader of `[startOffset, endOffset)`, from those of consecutive segments.
 *
 * `complete` is whether later segments have nothing to add: an entry's last stable offset has passed the range.
 */
export function abortedIn(
  transactions: readonly AbortedTransaction[],
  startOffset: number,
  endOffset: number,
): { readonly found: AbortedTransaction[]; readonly complete: boolean } {
  const found: AbortedTransaction[] = []
  for (const transaction of transactions) {
    if (transaction.lastOffset >= startOffset && transaction.firstOffset < endOffset) found.push(transaction)
    if (transaction.lastStableOffset >= endOffset) return { found, complete: true }
  }
  return { found, complete: false }
}
