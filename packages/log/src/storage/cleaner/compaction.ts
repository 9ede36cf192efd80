/**
 * Compaction of one log: of each key the last record stays.
 *
 * 1. Offsets never change, records never change; what is read afterwards gives each key the same last value.
 * 2. Only sealed segments below the last stable offset are touched.
 * 3. A compacted segment ends at the very offset at which the last it was made from ended, with an empty batch if need be: so
 *    segments have no gaps between them, and one that a crash leaves behind can be told from them.
 */
import type { BatchView } from '../../records/batch.ts'
import { buildBatch } from '../../records/batch-builder.ts'
import { records } from '../../records/record.ts'
import { logError } from '../../errors.ts'
import type { PartitionLog } from '../partition/partition-log.ts'
import type { LogState } from '../partition/log-state.ts'
import { Segment } from '../segment/segment.ts'
import { filterBatch, type BatchFilterFacts } from './batch-filter.ts'
import type { Cleanable } from './cleanable.ts'
import { OffsetMap } from './offset-map.ts'
import { groupSegments } from './segment-groups.ts'
import { swapSegments } from './segment-swap.ts'
import { TransactionFilter } from './transaction-filter.ts'

/** What a compaction has done; `keys` are those of the dirty part. */
export interface CompactionResult {
  /** Everything below is compacted now. */
  readonly cleanedUpTo: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly keys: number
}

const writeBytes = 1024 * 1024
const readBytes = 262_144

export async function compactLog(log: PartitionLog, range: Cleanable, mapBytesMax: number): Promise<CompactionResult> {
  const { state } = log
  const sealed = state.segments.slice(0, -1).filter((segment) => segment.nextOffset <= range.endOffset)
  const releases = sealed.map((segment) => segment.pin())
  try {
    const offsets = await mapKeys(log, sealed, range, mapBytesMax)
    const toClean = sealed.filter((segment) => segment.baseOffset <= offsets.latestOffset)
    const nowMs = state.host.clock.now()
    // All that reach into these segments, also beyond the map: their records go wholly, so that nothing hangs on the transaction
    // index of what is written anew, which a crash in the swap may take.
    const reach = { start: toClean[0]?.baseOffset ?? 0, end: toClean.at(-1)?.nextOffset ?? 0 }
    const transactions = new TransactionFilter(await log.abortedTransactions(reach.start, reach.end))
    const facts: BatchFilterFacts = {
      offsets,
      transactions,
      producerOf: (producerId) => log.producer(producerId),
      nowMs,
      deleteRetentionMs: log.config.deleteRetentionMs,
    }
    let bytesAfter = 0
    let cleanedUpTo = offsets.latestOffset + 1
    for (const group of groupSegments(toClean, log.config.segmentBytes)) {
      const compacted = await writeCompacted(state, group, facts)
      bytesAfter += compacted.sizeBytes
      if (await log.structural(() => swapSegments(state, group, compacted))) continue
      // Retention or a truncation came in between: what is there now has to be looked at again.
      cleanedUpTo = range.firstDirtyOffset
      break
    }
    const bytesBefore = toClean.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return { cleanedUpTo, bytesBefore, bytesAfter, keys: offsets.size }
  } finally {
    releases.forEach((unpin) => unpin())
  }
}

/** The last offsets of the keys in the dirty part, as far as the map reaches. */
async function mapKeys(log: PartitionLog, sealed: readonly Segment[], range: Cleanable, mapBytesMax: number): Promise<OffsetMap> {
  // No more keys than offsets: most compactions need little of what they may take.
  const offsets = new OffsetMap(Math.min(mapBytesMax, OffsetMap.bytesFor(range.endOffset - range.firstDirtyOffset)))
  offsets.latestOffset = range.firstDirtyOffset - 1
  const transactions = new TransactionFilter(await log.abortedTransactions(range.firstDirtyOffset, range.endOffset))
  for (const segment of sealed) {
    if (segment.nextOffset <= range.firstDirtyOffset) continue
    for await (const batch of wholeBatches(segment)) {
      if (batch.lastOffset < range.firstDirtyOffset) continue
      if (!mapBatch(offsets, batch, transactions)) return offsets
      offsets.latestOffset = batch.lastOffset
    }
    offsets.latestOffset = Math.max(offsets.latestOffset, segment.nextOffset - 1)
  }
  return offsets
}

/** False if the map had no room for all of the batch's keys: its records do not count then. */
function mapBatch(offsets: OffsetMap, batch: BatchView, transactions: TransactionFilter): boolean {
  if (batch.isControl) {
    transactions.onControl(batch)
    return true
  }
  if (transactions.onData(batch)) return true
  for (const { key, offset } of records(batch)) {
    if (key !== null && !offsets.put(key, offset)) return false
  }
  return true
}

async function writeCompacted(state: LogState, group: readonly Segment[], facts: BatchFilterFacts): Promise<Segment> {
  const output = await CompactedSegment.create(state, group[0]!)
  const keptBefore = facts.transactions.kept.length
  let leaderEpoch = -1
  for (const segment of group) {
    for await (const batch of wholeBatches(segment)) {
      leaderEpoch = batch.partitionLeaderEpoch
      const filtered = filterBatch(batch, facts)
      if (filtered !== undefined) await output.append(filtered)
    }
  }
  const last = group.at(-1)!.nextOffset - 1
  if (output.segment.nextOffset <= last) await output.append(buildBatch([], { baseOffset: last, partitionLeaderEpoch: leaderEpoch }))
  output.segment.noteAborted(facts.transactions.kept.slice(keptBefore))
  return await output.finish()
}

async function* wholeBatches(segment: Segment): AsyncGenerator<BatchView> {
  const scanner = segment.scan(0, segment.sizeBytes, readBytes)
  for (let header = await scanner.next(); header !== undefined; header = await scanner.next()) {
    const batch = await scanner.whole(header)
    if (batch === undefined || !batch.isCrcValid()) {
      throw logError('STORAGE_CORRUPT', { path: segment.path('log'), problem: `the batch at ${scanner.batchPosition}` })
    }
    yield batch
  }
  if (scanner.stop !== 'end') throw logError('STORAGE_CORRUPT', { path: segment.path('log'), problem: scanner.problem })
}

/** A segment being written under `.cleaned`. */
class CompactedSegment {
  readonly segment: Segment
  readonly #state: LogState
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  #written = 0

  private constructor(state: LogState, segment: Segment) {
    this.#state = state
    this.segment = segment
  }

  static async create(state: LogState, first: Segment): Promise<CompactedSegment> {
    const segment = new Segment(state.host, {
      directory: state.directory,
      baseOffset: first.baseOffset,
      sizeBytes: 0,
      nextOffset: first.baseOffset,
      createdMs: first.createdMs,
      indexIntervalBytes: state.config.indexIntervalBytes,
      suffix: '.cleaned',
    })
    await (await state.host.disk.open(segment.path('log'), 'write')).close()
    segment.startEmpty()
    return new CompactedSegment(state, segment)
  }

  async append(batch: BatchView): Promise<void> {
    const bytes = batch.whole.slice()
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.length
    this.segment.noteAppended(batch)
    if (this.#chunkBytes >= writeBytes) await this.#write()
  }

  /** Makes it durable but for its names. */
  async finish(): Promise<Segment> {
    const { segment } = this
    await this.#write()
    await this.#state.host.sync(() => segment.file.use((handle) => handle.sync()))
    segment.syncedBytes = segment.sizeBytes
    segment.seal()
    await segment.saveSealedIndexes()
    return segment
  }

  async #write(): Promise<void> {
    const chunks = this.#chunks
    const position = this.#written
    this.#chunks = []
    this.#written += this.#chunkBytes
    this.#chunkBytes = 0
    if (chunks.length > 0) await this.segment.file.use((handle) => handle.writeAll(chunks, position))
  }
}
