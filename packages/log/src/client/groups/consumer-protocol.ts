/** What consumers of a classic group tell each other through the coordinator, which passes it on unread: subscriptions and assignments. */
import { ByteReader, ByteWriter } from '../../protocol/index.ts'
import { clientError } from '../errors.ts'

/** A partition that a member of a group has. */
export interface OwnedPartition {
  readonly topic: string
  readonly partition: number
}

export interface Subscription {
  readonly topics: readonly string[]
  /** Of cooperative rebalances: what the member has now. */
  readonly owned: readonly OwnedPartition[]
  /** Of the rebalance in which it got what it has; -1 where it does not say. */
  readonly generationId: number
}

const VERSION = 2

export function encodeSubscription({ topics, owned, generationId }: Subscription): Uint8Array {
  const writer = new ByteWriter()
  writer.int16(VERSION, 'version')
  writer.longCount(topics, 'topics')
  for (const topic of topics) writer.shortString(topic, 'topic')
  writer.int32(-1, 'userData')
  writePartitions(writer, owned)
  writer.int32(generationId, 'generationId')
  return Buffer.concat(writer.chunks())
}

/** @throws `CLIENT_GROUP_PROTOCOL` */
export function decodeSubscription(group: string, bytes: Uint8Array): Subscription {
  return decoding(group, bytes, (reader, version) => {
    const topics = Array.from({ length: Math.max(0, reader.longCount(2)) }, () => reader.shortString())
    reader.longBytesOrNull()
    const owned = version >= 1 ? readPartitions(reader) : []
    const generationId = version >= 2 ? reader.int32() : -1
    return { topics, owned, generationId }
  })
}

export function encodeAssignment(partitions: readonly OwnedPartition[]): Uint8Array {
  const writer = new ByteWriter()
  writer.int16(VERSION, 'version')
  writePartitions(writer, partitions)
  writer.int32(-1, 'userData')
  return Buffer.concat(writer.chunks())
}

/** Empty for a member that has none yet. @throws `CLIENT_GROUP_PROTOCOL` */
export function decodeAssignment(group: string, bytes: Uint8Array): readonly OwnedPartition[] {
  if (bytes.length === 0) return []
  return decoding(group, bytes, (reader) => readPartitions(reader))
}

function decoding<T>(group: string, bytes: Uint8Array, read: (reader: ByteReader, version: number) => T): T {
  try {
    const reader = new ByteReader(bytes)
    const version = reader.int16()
    if (version < 0) throw reader.malformed(`version ${version}`)
    return read(reader, version)
  } catch (error) {
    throw clientError('CLIENT_GROUP_PROTOCOL', { group, problem: (error as Error).message }, error)
  }
}

function writePartitions(writer: ByteWriter, partitions: readonly OwnedPartition[]): void {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)]
  writer.longCount(topics, 'topics')
  for (const [topic, list] of topics) {
    writer.shortString(topic, 'topic')
    writer.longCount(list, 'partitions')
    for (const { partition } of list) writer.int32(partition, 'partition')
  }
}

function readPartitions(reader: ByteReader): readonly OwnedPartition[] {
  const found: OwnedPartition[] = []
  for (let topics = reader.longCount(6); topics > 0; topics--) {
    const topic = reader.shortString()
    for (let partitions = reader.longCount(4); partitions > 0; partitions--) found.push({ topic, partition: reader.int32() })
  }
  return found
}
