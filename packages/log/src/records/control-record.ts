/**
 * Control records: what the broker itself writes into a log, above all the markers that end a transaction.
 *
 * Key: version i16 · type i16. An end-of-transaction marker's value: version i16 · coordinator epoch i32. Newer versions append fields: read by prefix.
 */
import { readInt16, readInt32, writeInt16, writeInt32 } from '../protocol/primitives.ts'
import type { BatchView } from './batch.ts'
import { buildBatch } from './batch-builder.ts'
import { records, type LogRecord } from './record.ts'

/** By the type in a control record's key. */
export const CONTROL_TYPE = {
  abort: 0,
  commit: 1,
  leaderChange: 2,
  snapshotHeader: 3,
  snapshotFooter: 4,
  kraftVersion: 5,
  kraftVoters: 6,
} as const

/** How a transaction ended, and which life of its coordinator said so. */
export interface EndTransactionMarker {
  /** Whether its records show. */
  readonly outcome: 'commit' | 'abort'
  /** A marker of an older life of the coordinator is refused. */
  readonly coordinatorEpoch: number
}

/** A marker as a batch of its own. */
export interface MarkerOptions extends EndTransactionMarker {
  /** Whose transaction it ends. */
  readonly producerId: number
  /** Of that producer, as the coordinator knows it. */
  readonly producerEpoch: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** Default 0. */
  readonly baseOffset?: number
  /** Default -1. */
  readonly partitionLeaderEpoch?: number
}

const KEY_BYTES = 4
const MARKER_BYTES = 6

/** The batch that ends a producer's transaction in a partition. */
export function buildEndTransactionMarker(options: MarkerOptions): BatchView {
  const key = new Uint8Array(KEY_BYTES)
  writeInt16(key, 2, CONTROL_TYPE[options.outcome])
  const value = new Uint8Array(MARKER_BYTES)
  writeInt32(value, 2, options.coordinatorEpoch)
  return buildBatch([{ key, value, timestamp: options.timestamp }], {
    baseOffset: options.baseOffset ?? 0,
    ...(options.partitionLeaderEpoch === undefined ? {} : { partitionLeaderEpoch: options.partitionLeaderEpoch }),
    producerId: options.producerId,
    producerEpoch: options.producerEpoch,
    transactional: true,
    control: true,
  })
}

/** The type of a control record, or undefined where its key is none. An unknown type is a number to ignore. */
export function controlType(record: LogRecord): number | undefined {
  const { key } = record
  if (key === null || key.length < KEY_BYTES || readInt16(key, 0) < 0) return undefined
  return readInt16(key, 2)
}

/** The end-of-transaction marker in a control record, or undefined where it is another one. */
export function endTransactionMarker(record: LogRecord): EndTransactionMarker | undefined {
  const type = controlType(record)
  if (type !== CONTROL_TYPE.abort && type !== CONTROL_TYPE.commit) return undefined
  const { value } = record
  if (value === null || value.length < MARKER_BYTES || readInt16(value, 0) < 0) return undefined
  return { outcome: type === CONTROL_TYPE.commit ? 'commit' : 'abort', coordinatorEpoch: readInt32(value, 2) }
}

/** The end-of-transaction marker that a control batch carries as its first record, or undefined. @throws as `records` */
export function batchEndTransactionMarker(batch: BatchView): EndTransactionMarker | undefined {
  if (!batch.isControl) return undefined
  for (const record of records(batch)) return endTransactionMarker(record)
  return undefined
}
