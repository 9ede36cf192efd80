import { compressionType } from '../../compression/index.ts'
import type { BatchView } from '../../records/batch.ts'
import { buildBatch, type BatchOptions } from '../../records/batch-builder.ts'
import { records, type LogRecord } from '../../records/record.ts'
import type { ProducerEntry } from '../producers/producer-entry.ts'
import type { OffsetMap } from './offset-map.ts'
import type { TransactionFilter } from './transaction-filter.ts'

export interface BatchFilterFacts {
  readonly offsets: OffsetMap
  readonly transactions: TransactionFilter
  /** What the log knows of a producer. */
  readonly producerOf: (producerId: number) => ProducerEntry | undefined
  readonly nowMs: number
  readonly deleteRetentionMs: number
}

/**
 * What compaction leaves of a batch: the batch itself where everything stays, a new one with fewer records, an empty one where
 * only its producer's state hangs on it, or nothing.
 *
 * A tombstone, and a marker without a transaction, gets a horizon when it is first met and goes once that has passed.
 */
export function filterBatch(batch: BatchView, facts: BatchFilterFacts): BatchView | undefined {
  const isLastOfProducer = isLastBatchOf(facts.producerOf(batch.producerId), batch)
  return batch.isControl ? filterControl(batch, facts, isLastOfProducer) : filterData(batch, facts, isLastOfProducer)
}

function filterControl(
  batch: BatchView,
  { transactions, nowMs, deleteRetentionMs }: BatchFilterFacts,
  isLast: boolean,
): BatchView | undefined {
  if (!transactions.onControl(batch)) return batch
  const horizon = batch.deleteHorizonMs
  if (horizon === undefined && batch.recordCount > 0) return rebuild(batch, [...records(batch)], nowMs + deleteRetentionMs)
  if (horizon !== undefined && horizon > nowMs) return batch
  return isLast ? rebuild(batch, [], horizon) : undefined
}

function filterData(batch: BatchView, facts: BatchFilterFacts, isLast: boolean): BatchView | undefined {
  const isAborted = facts.transactions.onData(batch)
  const all = isAborted ? [] : [...records(batch)]
  const horizon = batch.deleteHorizonMs
  const kept = all.filter((record) => isKept(record, horizon, facts))
  if (kept.length === 0) return isLast ? rebuild(batch, [], horizon) : undefined
  const needsHorizon = horizon === undefined && kept.some(({ value }) => value === null)
  if (!needsHorizon && kept.length === batch.recordCount) return batch
  return rebuild(batch, kept, needsHorizon ? facts.nowMs + facts.deleteRetentionMs : horizon)
}

/** What came after the map was made stays; else the last record of each key does, a tombstone until its horizon. Without a key there is nothing to keep. */
function isKept({ offset, key, value }: LogRecord, horizon: number | undefined, { offsets, nowMs }: BatchFilterFacts): boolean {
  if (offset > offsets.latestOffset) return true
  if (key === null || offset < offsets.get(key)) return false
  return value !== null || horizon === undefined || horizon > nowMs
}

function isLastBatchOf(producer: ProducerEntry | undefined, batch: BatchView): boolean {
  if (producer === undefined || !batch.hasProducerId) return false
  const last = producer.batches.at(-1)
  return last === undefined ? batch.isControl && batch.producerEpoch === producer.producerEpoch : batch.lastOffset === last.lastOffset
}

/** The batch with other records: the same offsets, producer and kind. */
function rebuild(batch: BatchView, kept: readonly LogRecord[], deleteHorizonMs: number | undefined): BatchView {
  const isAppendTime = batch.timestampType === 'LogAppendTime'
  const options: BatchOptions = {
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    partitionLeaderEpoch: batch.partitionLeaderEpoch,
    compression: compressionType(batch.compression) ?? 'none',
    timestampType: batch.timestampType,
    baseTimestamp: batch.baseTimestamp,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    transactional: batch.isTransactional,
    control: batch.isControl,
    ...(isAppendTime || kept.length === 0 ? { maxTimestamp: batch.maxTimestamp } : {}),
    ...(deleteHorizonMs === undefined ? {} : { deleteHorizonMs }),
  }
  return buildBatch(kept, options)
}
