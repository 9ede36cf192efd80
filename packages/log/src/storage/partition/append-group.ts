import type { BatchView } from '../../records/batch.ts'
import { firstOffsetOf } from '../producers/producer-entry.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'
import type { EpochStart } from '../checkpoints/leader-epoch-checkpoint.ts'
import type { ProducerStateMark } from '../producers/producer-state.ts'
import { logError } from '../../errors.ts'
import type { AppendRequest, AppendResult } from './append-request.ts'
import type { LogState } from './log-state.ts'

/**
 * Appends that are decided one after the other and written together.
 *
 * 1. An append is decided wholly or refused wholly; a refused one leaves no trace.
 * 2. Until `publish`, `undo` brings producers and epochs back to where they were before the first decision.
 */
export class AppendGroup {
  readonly chunks: Uint8Array[] = []
  sizeBytes = 0
  nextOffset: number
  readonly #state: LogState
  readonly #nowMs: number
  readonly #mark: ProducerStateMark
  readonly #epochsBefore: readonly EpochStart[]
  readonly #batches: BatchView[] = []
  readonly #aborted: AbortedTransaction[] = []
  readonly #decided: { readonly request: AppendRequest; readonly result: AppendResult }[] = []

  constructor(state: LogState) {
    this.#state = state
    this.#nowMs = state.host.clock.now()
    this.nextOffset = state.logEndOffset
    this.#mark = state.producers.mark()
    this.#epochsBefore = state.epochs.starts
  }

  /** Gives the append its place behind those decided before, or refuses it. */
  decide(request: AppendRequest): void {
    const { producers, epochs } = this.#state
    const mark = producers.mark()
    const epochsBefore = epochs.starts
    const { nextOffset } = this
    const abortedCount = this.#aborted.length
    try {
      const duplicate = this.#duplicate(request)
      if (duplicate !== undefined) {
        this.#decided.push({ request, result: duplicate })
        return
      }
      request.guard?.(producers.get(request.batches[0]!.producerId))
      const firstOffset = request.origin === 'replication' ? request.batches[0]!.baseOffset : nextOffset
      for (const batch of request.batches) this.#place(batch, request)
      this.chunks.push(request.bytes)
      this.sizeBytes += request.bytes.length
      this.#batches.push(...request.batches)
      this.#decided.push({ request, result: this.#result(firstOffset, this.nextOffset - 1, request.maxTimestamp, false) })
    } catch (error) {
      producers.rollback(mark)
      epochs.restore(epochsBefore)
      this.nextOffset = nextOffset
      this.#aborted.length = abortedCount
      request.reject(error)
    }
  }

  /** The group has been written: it becomes part of the log. */
  publish(): void {
    const state = this.#state
    state.producers.commit()
    const { active } = state
    for (const batch of this.#batches) {
      state.recent.push(batch, active.sizeBytes)
      active.noteAppended(batch)
    }
    active.noteAborted(this.#aborted)
    state.logEndOffset = this.nextOffset
  }

  /** The group could not be written: it never was. */
  undo(error: unknown): void {
    this.#state.producers.rollback(this.#mark)
    this.#state.producers.commit()
    this.#state.epochs.restore(this.#epochsBefore)
    this.reject(error)
  }

  resolve(): void {
    for (const { request, result } of this.#decided) request.resolve(result)
  }

  reject(error: unknown): void {
    for (const { request } of this.#decided) request.reject(error)
  }

  #duplicate(request: AppendRequest): AppendResult | undefined {
    const [batch] = request.batches
    if (request.origin !== 'client' || batch === undefined || !batch.hasProducerId || request.batches.length > 1) return undefined
    const known = this.#state.producers.findDuplicate(batch)
    return known === undefined ? undefined : this.#result(firstOffsetOf(known), known.lastOffset, known.timestamp, true)
  }

  #place(batch: BatchView, { origin, leaderEpoch }: AppendRequest): void {
    const { producers, epochs } = this.#state
    if (origin !== 'replication') {
      batch.setBaseOffset(this.nextOffset)
      batch.setPartitionLeaderEpoch(leaderEpoch)
    } else if (batch.baseOffset < this.nextOffset) {
      throw logError('STORAGE_APPEND_OFFSET', { offset: batch.baseOffset, logEnd: this.nextOffset, partition: this.#state.name })
    }
    if (batch.isControl) {
      const completed = producers.appendControl(batch, origin)
      if (completed?.isAborted === true) this.#aborted.push(producers.aborted(completed))
    } else if (batch.hasProducerId) {
      producers.appendData(batch, origin)
      producers.noteWrite(batch.producerId, this.#nowMs)
    }
    producers.advance(batch.nextOffset)
    epochs.assign(batch.partitionLeaderEpoch, batch.baseOffset)
    this.nextOffset = batch.nextOffset
  }

  #result(firstOffset: number, lastOffset: number, maxTimestamp: number, isDuplicate: boolean): AppendResult {
    return { firstOffset, lastOffset, maxTimestamp, logStartOffset: this.#state.logStartOffset, isDuplicate }
  }
}
