/**
 * What of a fetched range committed readers may see.
 *
 * A broker lists the aborted transactions that reach into the range, by producer and first offset. From there on all data batches of that producer are aborted,
 * until its abort marker. Control batches are never shown.
 */
import { batchEndTransactionMarker, type BatchView } from '../../records/index.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

export class AbortedFilter {
  readonly #coming: AbortedTransaction[]
  readonly #aborted = new Set<number>()
  #next = 0

  constructor(aborted: readonly AbortedTransaction[] | null) {
    this.#coming = [...(aborted ?? [])].toSorted((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Whether the batch's records are to be shown. Ask for each batch once, in order. */
  shows(batch: BatchView): boolean {
    while (this.#next < this.#coming.length && this.#coming[this.#next]!.firstOffset <= batch.lastOffset) {
      this.#aborted.add(this.#coming[this.#next++]!.producerId)
    }
    if (batch.isControl) {
      if (this.#aborted.has(batch.producerId) && batchEndTransactionMarker(batch)?.outcome === 'abort')
        this.#aborted.delete(batch.producerId)
      return false
    }
    return !(batch.isTransactional && this.#aborted.has(batch.producerId))
  }
}
