import type { BatchView } from '../../records/batch.ts'
import { batchEndTransactionMarker } from '../../records/control-record.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'

/**
 * Tells compaction which batches belong to aborted transactions, and which markers have nothing left to mark.
 *
 * 1. It is told of every batch, in order, from the log's start on.
 * 2. A marker may go only when no batch of its transaction was met on the way.
 */
export class TransactionFilter {
  /** By their first offset, those not begun yet. */
  readonly #pending: AbortedTransaction[]
  readonly #aborted = new Map<number, { readonly transaction: AbortedTransaction; hasBatches: boolean }>()
  readonly #committed = new Set<number>()
  /** Aborted transactions whose marker stays: they belong into the new transaction index. */
  readonly kept: AbortedTransaction[] = []

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#pending = [...aborted].sort((left, right) => left.firstOffset - right.firstOffset)
  }

  /** Whether the data batch belongs to an aborted transaction. */
  onData(batch: BatchView): boolean {
    this.#begin(batch.lastOffset)
    if (!batch.isTransactional) return false
    const aborted = this.#aborted.get(batch.producerId)
    if (aborted === undefined) {
      this.#committed.add(batch.producerId)
      return false
    }
    aborted.hasBatches = true
    return true
  }

  /** Whether the control batch marks the end of nothing any longer. The batch is whole. */
  onControl(batch: BatchView): boolean {
    this.#begin(batch.lastOffset)
    // Without a record it was emptied before, for its producer's sake.
    if (batch.recordCount === 0) return true
    const marker = batchEndTransactionMarker(batch)
    if (marker === undefined) return false
    if (marker.outcome === 'commit') return !this.#committed.delete(batch.producerId)
    const aborted = this.#aborted.get(batch.producerId)
    this.#aborted.delete(batch.producerId)
    if (aborted === undefined || !aborted.hasBatches) return true
    this.kept.push(aborted.transaction)
    return false
  }

  #begin(offset: number): void {
    while (this.#pending.length > 0 && this.#pending[0]!.firstOffset <= offset) {
      const transaction = this.#pending.shift()!
      this.#aborted.set(transaction.producerId, { transaction, hasBatches: false })
    }
  }
}
