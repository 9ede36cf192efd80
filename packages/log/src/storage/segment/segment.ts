/**
 * One segment of a log: a file of batches and its indexes.
 *
 * 1. Bytes of the file below `sizeBytes` are whole batches, in order of their offsets, from `baseOffset` to below `nextOffset`.
 * 2. `indexes` is set as long as the segment may grow; afterwards they come from the cache.
 * 3. The files are removed only when nobody holds a pin.
 */
import { posix } from 'node:path'
import { DiskError, type OpenMode } from '@millrace/core'
import type { BatchView } from '../../records/batch.ts'
import { segmentFileName, type FileSuffix, type SegmentFileKind } from '../names.ts'
import { OffsetIndex } from '../index/offset-index.ts'
import { TimeIndex } from '../index/time-index.ts'
import { parseAbortedTransactions, type AbortedTransaction } from '../index/transaction-index.ts'
import { readIfPresent, removeIfPresent } from '../checkpoints/atomic-file.ts'
import { BatchScanner } from './batch-scanner.ts'
import type { FilePool, PooledFile } from './file-pool.ts'
import type { IndexCache } from './index-cache.ts'
import { saveIndexes, SegmentIndexes, type IndexPaths } from './segment-indexes.ts'

export interface SegmentHost {
  readonly files: FilePool
  readonly indexes: IndexCache
}

export interface SegmentOptions {
  readonly directory: string
  readonly baseOffset: number
  readonly sizeBytes: number
  readonly nextOffset: number
  readonly createdMs: number
  readonly indexIntervalBytes: number
  readonly suffix?: FileSuffix
}

export class Segment {
  readonly baseOffset: number
  readonly #host: SegmentHost
  readonly #directory: string
  readonly #indexIntervalBytes: number
  readonly file: PooledFile
  #suffix: FileSuffix
  /** Since when it may be rolled by time where no record has one. */
  readonly createdMs: number
  sizeBytes: number
  nextOffset: number
  indexes: SegmentIndexes | undefined
  /** The largest timestamp of its first batch: the time from which `segment.ms` counts. */
  firstBatchTimestamp: number | undefined
  #pins = 0
  #whenUnpinned: (() => void) | undefined

  constructor(host: SegmentHost, options: SegmentOptions) {
    this.#host = host
    this.baseOffset = options.baseOffset
    this.#directory = options.directory
    this.#suffix = options.suffix ?? ''
    this.#indexIntervalBytes = options.indexIntervalBytes
    this.createdMs = options.createdMs
    this.sizeBytes = options.sizeBytes
    this.nextOffset = options.nextOffset
    this.file = host.files.file(this.path('log'), 'read')
  }

  path(kind: SegmentFileKind): string {
    return posix.join(this.#directory, segmentFileName(this.baseOffset, kind, this.#suffix))
  }

  get indexPaths(): IndexPaths {
    return { index: this.path('index'), timeindex: this.path('timeindex'), txnindex: this.path('txnindex') }
  }

  /** Whether an aborted transaction ends in it. */
  hasAborted = false
  /** Bytes of the file that a crash cannot take. */
  syncedBytes = 0

  /** It is to grow from nothing. */
  startEmpty(): void {
    this.indexes = SegmentIndexes.empty(this.baseOffset)
    this.file.mode = 'update'
  }

  /** It is to grow again: its indexes come to memory, brought up to the end of the file. Says where and why that ends. */
  async resume(endOffsetMin: number = this.nextOffset): Promise<BatchScanner> {
    const isEmpty = this.sizeBytes === 0 && this.indexes === undefined
    const indexes = isEmpty ? SegmentIndexes.empty(this.baseOffset) : await this.currentIndexes()
    this.nextOffset = endOffsetMin
    this.#host.indexes.drop(this)
    await this.#reopen('update')
    const last = indexes.offsets.last
    indexes.resume()
    const scanner = this.scan(last?.position ?? 0, this.sizeBytes, 65_536)
    this.firstBatchTimestamp = undefined
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      if (scanner.batchPosition === 0) this.firstBatchTimestamp = batch.maxTimestamp
      indexes.append(batch, scanner.batchPosition, this.#indexIntervalBytes)
      this.nextOffset = Math.max(this.nextOffset, batch.nextOffset)
    }
    this.indexes = indexes
    this.firstBatchTimestamp ??= (await this.scan(0).next())?.maxTimestamp
    return scanner
  }

  /** Takes indexes built anew for the first `sizeBytes` of its file, and cuts off the rest, durably. */
  async adopt(indexes: SegmentIndexes, sizeBytes: number): Promise<void> {
    this.#host.indexes.drop(this)
    await this.#reopen('update')
    if (sizeBytes < this.sizeBytes) await this.#cutFile(sizeBytes)
    this.sizeBytes = sizeBytes
    this.syncedBytes = 0
    this.indexes = indexes
    this.hasAborted = indexes.aborted.length > 0
    indexes.markUnsaved()
  }

  async #cutFile(sizeBytes: number): Promise<void> {
    await this.file.use(async (handle) => {
      await handle.truncate(sizeBytes)
      await handle.sync()
    })
  }

  /** Cuts off everything from `position` on, durably; the indexes forget `offset` and above. It may grow again afterwards. */
  async truncate(position: number, offset: number): Promise<void> {
    const indexes = this.indexes ?? (await this.#host.indexes.get(this))
    await this.#reopen('update')
    await this.#cutFile(position)
    this.sizeBytes = position
    this.syncedBytes = Math.min(this.syncedBytes, position)
    this.nextOffset = offset
    indexes.truncate(offset)
    this.indexes = indexes
    await this.resume()
  }

  /** Accounts for a batch that has been written at the end. */
  noteAppended(batch: BatchView): void {
    this.firstBatchTimestamp ??= batch.maxTimestamp
    this.indexes?.append(batch, this.sizeBytes, this.#indexIntervalBytes)
    this.sizeBytes += batch.sizeBytes
    this.nextOffset = batch.nextOffset
  }

  async currentIndexes(): Promise<SegmentIndexes> {
    return this.indexes ?? (await this.#host.indexes.get(this))
  }

  /** The largest timestamp of a record, -1 if there is none, and where it is. */
  async largestTimestamp(): Promise<{ readonly timestamp: number; readonly offset: number }> {
    const { maxTimestamp, offsetOfMaxTimestamp } = await this.currentIndexes()
    return { timestamp: maxTimestamp, offset: offsetOfMaxTimestamp }
  }

  /** The largest timestamp of its first batch, -1 if there is none. */
  async firstTimestamp(): Promise<number> {
    this.firstBatchTimestamp ??= (await this.scan(0).next())?.maxTimestamp
    return this.firstBatchTimestamp ?? -1
  }

  /** Reads the indexes of a sealed segment, or builds them anew where the files are lost or damaged. */
  async loadIndexes(): Promise<SegmentIndexes> {
    const { disk } = this.#host.files
    const paths = this.indexPaths
    const txn = (this.hasAborted ? await readIfPresent(disk, paths.txnindex) : undefined) ?? new Uint8Array(0)
    const aborted = parseAbortedTransactions(txn, paths.txnindex)
    try {
      const offsets = OffsetIndex.parse(this.baseOffset, await disk.readFile(paths.index), paths.index)
      const times = TimeIndex.parse(this.baseOffset, await disk.readFile(paths.timeindex), paths.timeindex)
      const isBeyond = (offsets.last?.position ?? 0) >= Math.max(1, this.sizeBytes) || (offsets.last?.offset ?? -1) >= this.nextOffset
      const lacksTimes = times.entries.count === 0 && this.sizeBytes > 0
      if (!isBeyond && !lacksTimes) return new SegmentIndexes(offsets, times, aborted)
    } catch (error) {
      if (error instanceof DiskError && error.reason !== 'not-found') throw error
    }
    const rebuilt = await this.rebuildIndexes(aborted)
    await this.#saveRebuilt(rebuilt)
    return rebuilt
  }

  /** Spares the next one the work; where the disk refuses, nothing is lost. */
  async #saveRebuilt(indexes: SegmentIndexes): Promise<void> {
    try {
      await saveIndexes(this.#host.files.disk, this.indexPaths, indexes)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
    }
  }

  /** Builds offset and time index from the batches' headers. */
  async rebuildIndexes(aborted: SegmentIndexes['aborted']): Promise<SegmentIndexes> {
    const indexes = SegmentIndexes.empty(this.baseOffset)
    indexes.aborted = aborted
    const scanner = this.scan(0, this.sizeBytes, 65_536)
    for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
      indexes.append(batch, scanner.batchPosition, this.#indexIntervalBytes)
    }
    indexes.seal()
    return indexes
  }

  scan(position: number, end: number = this.sizeBytes, windowBytes?: number): BatchScanner {
    const options = windowBytes === undefined ? { position, end } : { position, end, windowBytes }
    return new BatchScanner((into, at) => this.file.read(into, at), options)
  }

  /** No more batches will come. The indexes stay in memory until `saveIndexes` has put them into their files. */
  seal(): void {
    this.indexes?.seal()
    this.file.mode = 'read'
  }

  noteAborted(aborted: readonly AbortedTransaction[]): void {
    this.indexes?.addAborted(aborted)
    this.hasAborted ||= aborted.length > 0
  }

  /** Makes the indexes durable (but for the names) and leaves them to the cache. Gives whether anything had to be written. */
  async saveSealedIndexes(): Promise<boolean> {
    const { indexes } = this
    if (indexes === undefined) return false
    const isWritten = await saveIndexes(this.#host.files.disk, this.indexPaths, indexes)
    this.indexes = undefined
    this.#host.indexes.put(this, indexes)
    return isWritten
  }

  async #reopen(mode: OpenMode): Promise<void> {
    if (this.file.mode === mode) return
    await this.file.close()
    this.file.mode = mode
  }

  /** Keeps the files for as long as the result has not been called. */
  pin(): () => void {
    this.#pins++
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#pins--
      if (this.#pins === 0) this.#whenUnpinned?.()
    }
  }

  get pins(): number {
    return this.#pins
  }

  /** Gives all its files the suffix, the log file last; the names are durable after the folder's own sync. */
  async rename(suffix: FileSuffix): Promise<void> {
    for (const kind of ['index', 'timeindex', 'txnindex', 'log'] as const) await this.#renameFile(kind, suffix)
    this.#suffix = suffix
    this.file.path = this.path('log')
  }

  /** Takes its names away, durably. The log file goes first: without it the others mean nothing, while it must not be left without them. */
  async retire(suffix: FileSuffix): Promise<void> {
    await this.#renameFile('log', suffix)
    await this.#host.files.disk.syncDirectory(this.#directory)
    for (const kind of ['index', 'timeindex', 'txnindex'] as const) await this.#renameFile(kind, suffix)
    this.#suffix = suffix
    this.file.path = this.path('log')
  }

  async #renameFile(kind: SegmentFileKind, suffix: FileSuffix): Promise<void> {
    try {
      await this.#host.files.disk.rename(this.path(kind), posix.join(this.#directory, segmentFileName(this.baseOffset, kind, suffix)))
    } catch (error) {
      if (kind === 'log' || !(error instanceof DiskError && error.reason === 'not-found')) throw error
    }
  }

  /** Removes its files once nobody holds a pin. */
  async remove(): Promise<void> {
    this.#host.indexes.drop(this)
    if (this.#pins > 0) await new Promise<void>((resolve) => (this.#whenUnpinned = resolve))
    await this.file.close()
    for (const kind of ['log', 'index', 'timeindex', 'txnindex'] as const) await removeIfPresent(this.#host.files.disk, this.path(kind))
  }

  async close(): Promise<void> {
    this.#host.indexes.drop(this)
    await this.file.close()
  }
}
