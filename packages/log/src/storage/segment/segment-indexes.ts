import type { Disk } from '@millrace/core'
import type { BatchView } from '../../records/batch.ts'
import type { EntryTable } from '../index/entry-table.ts'
import { OffsetIndex, OFFSET_INDEX_ENTRY_BYTES } from '../index/offset-index.ts'
import { TimeIndex, TIME_INDEX_ENTRY_BYTES } from '../index/time-index.ts'
import { encodeAbortedTransactions, type AbortedTransaction } from '../index/transaction-index.ts'
import { removeIfPresent } from '../checkpoints/atomic-file.ts'

/**
 * The indexes of one segment in memory, grown batch by batch.
 *
 * 1. They are a function of the segment's batches and the interval: a rebuild gives the same, except that sealing adds
 *    the largest timestamp as the last entry of the time index.
 * 2. What their files say already is not written again.
 */
export class SegmentIndexes {
  readonly offsets: OffsetIndex
  readonly times: TimeIndex
  #aborted: AbortedTransaction[]
  /** Whether the transaction index's file says the same. */
  #areAbortedSaved: boolean
  #bytesSinceEntry = 0
  maxTimestamp = -1
  offsetOfMaxTimestamp: number

  /** @param aborted as its file has them; those of an index that is built anew are set afterwards */
  constructor(offsets: OffsetIndex, times: TimeIndex, aborted: AbortedTransaction[] | undefined) {
    this.offsets = offsets
    this.times = times
    this.#aborted = aborted ?? []
    this.#areAbortedSaved = aborted !== undefined
    const last = times.last
    this.maxTimestamp = last?.timestamp ?? -1
    this.offsetOfMaxTimestamp = last?.offset ?? offsets.baseOffset
  }

  static empty(baseOffset: number): SegmentIndexes {
    return new SegmentIndexes(new OffsetIndex(baseOffset), new TimeIndex(baseOffset), undefined)
  }

  get aborted(): readonly AbortedTransaction[] {
    return this.#aborted
  }

  set aborted(aborted: readonly AbortedTransaction[]) {
    this.#aborted = [...aborted]
    this.#areAbortedSaved = false
  }

  addAborted(aborted: readonly AbortedTransaction[]): void {
    if (aborted.length === 0) return
    this.#aborted.push(...aborted)
    this.#areAbortedSaved = false
  }

  get isSaved(): boolean {
    return this.#areAbortedSaved && this.offsets.entries.isSaved && this.times.entries.isSaved
  }

  /** The file has the first `count` aborted transactions. */
  markAbortedSaved(count: number): void {
    this.#areAbortedSaved = count === this.#aborted.length
  }

  /** Everything is to be written anew. */
  markUnsaved(): void {
    this.offsets.entries.markUnsaved()
    this.times.entries.markUnsaved()
    this.#areAbortedSaved = false
  }

  get sizeBytes(): number {
    return this.offsets.entries.sizeBytes + this.times.entries.sizeBytes + this.aborted.length * 64
  }

  /** Accounts for a batch at `position` of the segment's file; batches come in order. */
  append(batch: BatchView, position: number, intervalBytes: number): void {
    const { lastOffset, maxTimestamp } = batch
    if (maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = maxTimestamp
      this.offsetOfMaxTimestamp = lastOffset
    }
    if (this.#bytesSinceEntry > intervalBytes) {
      this.offsets.append(lastOffset, position)
      this.times.append(this.maxTimestamp, this.offsetOfMaxTimestamp)
      this.#bytesSinceEntry = 0
    }
    this.#bytesSinceEntry += batch.sizeBytes
  }

  /** Forgets what concerns `offset` and above. */
  truncate(offset: number): void {
    this.offsets.truncate(offset)
    this.times.truncate(offset)
    if (this.#aborted.some(({ lastOffset }) => lastOffset >= offset)) {
      this.aborted = this.#aborted.filter(({ lastOffset }) => lastOffset < offset)
    }
  }

  /** Forgets what lies behind the last entry: the batches from its position on are about to be appended again. */
  resume(): void {
    this.#bytesSinceEntry = 0
    this.maxTimestamp = this.times.last?.timestamp ?? -1
    this.offsetOfMaxTimestamp = this.times.last?.offset ?? this.offsets.baseOffset
  }

  /** The segment gets no more batches: its largest timestamp becomes the last entry. */
  seal(): void {
    this.times.append(this.maxTimestamp, this.offsetOfMaxTimestamp)
  }

  isFull(indexBytesMax: number): boolean {
    return (
      this.offsets.entries.count >= Math.floor(indexBytesMax / OFFSET_INDEX_ENTRY_BYTES) ||
      this.times.entries.count >= Math.floor(indexBytesMax / TIME_INDEX_ENTRY_BYTES) - 1
    )
  }
}

export interface IndexPaths {
  readonly index: string
  readonly timeindex: string
  readonly txnindex: string
}

/**
 * Writes what the files lack and syncs them; the names are durable after the folder's own sync. No `.txnindex` without an entry.
 * Gives whether anything had to be written.
 */
export async function saveIndexes(disk: Disk, paths: IndexPaths, indexes: SegmentIndexes): Promise<boolean> {
  if (indexes.isSaved) return false
  await saveTable(disk, paths.index, indexes.offsets.entries)
  await saveTable(disk, paths.timeindex, indexes.times.entries)
  const { aborted } = indexes
  if (aborted.length === 0) await removeIfPresent(disk, paths.txnindex)
  else await saveBytes(disk, paths.txnindex, encodeAbortedTransactions(aborted), 0)
  indexes.markAbortedSaved(aborted.length)
  return true
}

async function saveTable(disk: Disk, path: string, entries: EntryTable): Promise<void> {
  if (entries.isSaved) return
  const { bytes, position } = entries.unsaved()
  await saveBytes(disk, path, bytes, position)
  entries.markSaved(position + bytes.length)
}

async function saveBytes(disk: Disk, path: string, bytes: Uint8Array, position: number): Promise<void> {
  const file = await disk.open(path, 'update')
  try {
    if (bytes.length > 0) await file.write(bytes, position)
    await file.truncate(position + bytes.length)
    await file.sync()
  } finally {
    await file.close()
  }
}
