/**
 * The producers of one log: their last batches, their open transactions, and what that makes of the last stable offset.
 *
 * 1. The state is that of all records below `mapEnd`, as a replay of the log from its start would give it (apart from
 *    batches older than a snapshot, of which only the last is known, and from producers that have expired).
 * 2. `ongoing` is in order of the first offsets; a producer has one open transaction at most.
 * 3. An ended transaction stays unstable until the high watermark has passed its marker.
 * 4. From `mark` to `commit` every change can be taken back by `rollback`, innermost mark first.
 */
import type { BatchView } from '../../records/batch.ts'
import { batchEndTransactionMarker } from '../../records/control-record.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'
import { afterData, afterMarker, type AppendOrigin, type CompletedTransaction, type MarkerFacts } from './producer-decisions.ts'
import { findDuplicate, type ProducerBatch, type ProducerEntry } from './producer-entry.ts'
import { encodeProducerSnapshot } from './producer-snapshot.ts'

export interface ProducerStateMark {
  readonly changeCount: number
  readonly unreplicated: readonly CompletedTransaction[]
  readonly mapEnd: number
}

export class ProducerState {
  #entries = new Map<number, ProducerEntry>()
  /** Producer ids of open transactions by their first offset. */
  #ongoing = new Map<number, number>()
  /** Replaced, never changed. */
  #unreplicated: readonly CompletedTransaction[] = []
  #mapEnd = 0
  /** When producers wrote, by the clock: their records may be as old as they like. Only of writes that were seen, not of those that were read again. */
  #writtenMs = new Map<number, number>()
  /** What the entries were before the changes that may be taken back, oldest change first. */
  #journal: { readonly producerId: number; readonly before: ProducerEntry | undefined }[] | undefined

  /** Everything below it is accounted for. */
  get mapEnd(): number {
    return this.#mapEnd
  }

  get size(): number {
    return this.#entries.size
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#entries.values()
  }

  findDuplicate(batch: BatchView): ProducerBatch | undefined {
    return findDuplicate(this.#entries.get(batch.producerId), batch)
  }

  /** Starts over from a snapshot taken at `offset`. */
  load(entries: readonly ProducerEntry[], offset: number): void {
    this.#entries = new Map(entries.map((entry) => [entry.producerId, entry]))
    this.#writtenMs = new Map()
    this.#unreplicated = []
    this.#journal = undefined
    this.#mapEnd = offset
    this.#sortOngoing()
  }

  snapshot(): Uint8Array {
    return encodeProducerSnapshot([...this.#entries.values()])
  }

  /** The present state, to return to by `rollback` until `commit`. */
  mark(): ProducerStateMark {
    this.#journal ??= []
    return { changeCount: this.#journal.length, unreplicated: this.#unreplicated, mapEnd: this.#mapEnd }
  }

  /** What has changed stays: marks set before are void. */
  commit(): void {
    this.#journal = undefined
  }

  rollback(mark: ProducerStateMark): void {
    const undone = this.#journal?.splice(mark.changeCount) ?? []
    for (const { producerId, before } of undone.toReversed()) {
      if (before === undefined) this.#entries.delete(producerId)
      else this.#entries.set(producerId, before)
    }
    this.#unreplicated = mark.unreplicated
    this.#mapEnd = mark.mapEnd
    if (undone.length > 0) this.#sortOngoing()
  }

  /** Accounts for a data batch whose offsets are final. @throws the errors of `afterData`; nothing has changed then */
  appendData(batch: BatchView, origin: AppendOrigin): void {
    const { producerId, producerEpoch, baseOffset, lastOffset } = batch
    const before = this.#entries.get(producerId)
    const entry = afterData(
      before,
      {
        producerId,
        producerEpoch,
        firstSequence: batch.baseSequence,
        lastSequence: batch.lastSequence,
        firstOffset: baseOffset,
        lastOffset,
        timestamp: batch.maxTimestamp,
        isTransactional: batch.isTransactional,
      },
      origin,
    )
    this.#set(entry, before)
    if (entry.transactionFirstOffset !== undefined && before?.transactionFirstOffset === undefined) {
      this.#ongoing.set(entry.transactionFirstOffset, producerId)
    }
  }

  /** Accounts for a control batch: a transaction marker tells which transaction it has ended, if any. @throws the errors of `afterMarker` */
  appendControl(batch: BatchView, origin: AppendOrigin): CompletedTransaction | undefined {
    const marker = batch.hasProducerId ? batchEndTransactionMarker(batch) : undefined
    if (marker === undefined) return undefined
    const { producerId, producerEpoch, baseOffset: offset, maxTimestamp: timestamp } = batch
    const { coordinatorEpoch } = marker
    const isAbort = marker.outcome === 'abort'
    return this.#appendMarker({ producerId, producerEpoch, coordinatorEpoch, isAbort, offset, timestamp }, origin)
  }

  #appendMarker(marker: MarkerFacts, origin: AppendOrigin): CompletedTransaction | undefined {
    const before = this.#entries.get(marker.producerId)
    const { entry, completed } = afterMarker(before, marker, origin)
    this.#set(entry, before)
    if (completed !== undefined) {
      this.#ongoing.delete(completed.firstOffset)
      this.#unreplicated = [...this.#unreplicated, completed]
    }
    return completed
  }

  /** A producer writes now. */
  noteWrite(producerId: number, nowMs: number): void {
    this.#writtenMs.set(producerId, nowMs)
  }

  /** Moves the end of what is accounted for, over batches without a producer too. */
  advance(offset: number): void {
    this.#mapEnd = Math.max(this.#mapEnd, offset)
  }

  /** The entry of the transaction index for a transaction that was just aborted. */
  aborted({ producerId, firstOffset, lastOffset }: CompletedTransaction): AbortedTransaction {
    const [nextOpen] = this.#ongoing.keys()
    return { producerId, firstOffset, lastOffset, lastStableOffset: nextOpen ?? lastOffset + 1 }
  }

  /** The first offset of a transaction that is open, or whose end is not replicated yet. */
  get firstUnstableOffset(): number | undefined {
    let [first] = this.#ongoing.keys()
    for (const { firstOffset } of this.#unreplicated) first = Math.min(first ?? firstOffset, firstOffset)
    return first
  }

  /** Where the oldest transaction that is still open begins. */
  get firstOpenOffset(): number | undefined {
    const [first] = this.#ongoing.keys()
    return first
  }

  onHighWatermark(highWatermark: number): void {
    if (this.#unreplicated.length === 0) return
    this.#unreplicated = this.#unreplicated.filter(({ lastOffset }) => lastOffset >= highWatermark)
  }

  /** Forgets producers that have been silent for so long and have no transaction open. Gives their number. */
  expire(nowMs: number, expirationMs: number): number {
    let count = 0
    for (const [producerId, entry] of this.#entries) {
      const lastMs = Math.max(entry.lastTimestamp, this.#writtenMs.get(producerId) ?? entry.lastTimestamp)
      if (entry.transactionFirstOffset !== undefined || nowMs - lastMs < expirationMs) continue
      this.#entries.delete(producerId)
      count++
    }
    for (const producerId of this.#writtenMs.keys()) if (!this.#entries.has(producerId)) this.#writtenMs.delete(producerId)
    return count
  }

  #set(entry: ProducerEntry, before: ProducerEntry | undefined): void {
    this.#journal?.push({ producerId: entry.producerId, before })
    this.#entries.set(entry.producerId, entry)
  }

  #sortOngoing(): void {
    const open = [...this.#entries.values()].flatMap(({ producerId, transactionFirstOffset }): [number, number][] =>
      transactionFirstOffset === undefined ? [] : [[transactionFirstOffset, producerId]],
    )
    this.#ongoing = new Map(open.sort(([left], [right]) => left - right))
  }
}
