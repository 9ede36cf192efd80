/** Committed offsets in `__consumer_offsets`, in Kafka's schemas. Version 1 of the value is written where a client gave its own retention, 4 otherwise. */
import type { RecordOf } from '../framework/index.ts'

const VALUE = {
  offset: 'int64',
  leaderEpoch: { type: 'int32', versions: '3+', default: -1, ignorable: true },
  metadata: 'string',
  commitTimestamp: 'int64',
  expireTimestamp: { type: 'int64', versions: '1', default: -1, ignorable: true },
  topicId: { type: 'uuid', versions: '4+', tag: 0, ignorable: true },
} as const

const KEY = { groupId: 'string', topic: 'string', partition: 'int32' } as const

export const OFFSET_RECORDS = {
  offsetCommit: { type: 1, key: KEY, value: VALUE, versions: '0-4', flexible: '4+', writes: 4 },
  /** Key type 0, which brokers before 0.8.3 wrote: the same in all else. Read, never written. */
  legacyOffsetCommit: { type: 0, key: KEY, value: VALUE, versions: '0-4', flexible: '4+', writes: 4 },
} as const

export type OffsetRecord = RecordOf<typeof OFFSET_RECORDS>
export type OffsetCommitValue = NonNullable<OffsetRecord['value']>

export function offsetValueVersion({ expireTimestamp }: OffsetCommitValue): number {
  return expireTimestamp === -1 ? 4 : 1
}

export function offsetTombstone(groupId: string, topic: string, partition: number): OffsetRecord {
  return { name: 'offsetCommit', key: { groupId, topic, partition }, value: null }
}

/** Bytes of names in the tombstones of one decision: together they fit a batch of the default size. */
const TOMBSTONE_BYTES_MAX = 500_000

/** The first of the tombstones, as many as one decision may write; the names of groups and topics may be long. */
export function firstTombstones<R extends { readonly key: object }>(tombstones: readonly R[], countMax: number): readonly R[] {
  let sizeBytes = 0
  for (const [index, { key }] of tombstones.entries()) {
    for (const part of Object.values(key)) if (typeof part === 'string') sizeBytes += Buffer.byteLength(part)
    if (index >= countMax || (index > 0 && sizeBytes > TOMBSTONE_BYTES_MAX)) return tombstones.slice(0, index)
  }
  return tombstones
}
