/**
 * What consumers say to each other through the classic protocol: subscriptions in JoinGroup, assignments in SyncGroup.
 * Source: Kafka's ConsumerProtocolSubscription and ConsumerProtocolAssignment, versions 0 to 3. A later version is read as the last one known.
 */
import { messageCodec, type MessageCodec } from '../../../protocol/codec.ts'
import type { Decoded, Fields, ToEncode } from '../../../protocol/declaration.ts'
import { ByteReader } from '../../../protocol/reader.ts'
import { ByteWriter } from '../../../protocol/writer.ts'

export const CONSUMER_PROTOCOL_TYPE = 'consumer'

const TOPICS = { type: 'array', of: { topic: 'string', partitions: { type: 'array', of: 'int32' } } } as const

const subscriptionFields = {
  topics: { type: 'array', of: 'string' },
  userData: { type: 'bytes', nullable: true, default: null },
  ownedPartitions: { ...TOPICS, versions: '1+', ignorable: true },
  generationId: { type: 'int32', versions: '2+', default: -1, ignorable: true },
  rackId: { type: 'string', versions: '3+', nullable: true, default: null, ignorable: true },
} as const satisfies Fields

const assignmentFields = {
  assignedPartitions: TOPICS,
  userData: { type: 'bytes', nullable: true, default: null },
} as const satisfies Fields

export type ConsumerSubscription = Decoded<typeof subscriptionFields>
export type ConsumerAssignment = Decoded<typeof assignmentFields>

export interface TopicPartitionList {
  readonly topic: string
  readonly partitions: readonly number[]
}

const VERSION_MAX = 3

const codecs = new Map<string, MessageCodec<unknown, unknown>>()

function codecOf(name: 'subscription' | 'assignment', version: number): MessageCodec<unknown, unknown> {
  const id = `${name} ${version}`
  const known = codecs.get(id) ?? messageCodec(name === 'subscription' ? subscriptionFields : assignmentFields, version, false)
  codecs.set(id, known)
  return known
}

/** The version that a subscription or an assignment is in, at most the last one known; undefined for what is neither. */
export function consumerProtocolVersion(bytes: Uint8Array): number | undefined {
  return bytes.length < 2 || bytes[0]! > 0x7f ? undefined : knownVersion(new ByteReader(bytes))
}

/** @throws ProtocolError for what is no subscription */
export function decodeSubscription(bytes: Uint8Array): ConsumerSubscription {
  const reader = new ByteReader(bytes.slice())
  return codecOf('subscription', knownVersion(reader)).decode(reader) as ConsumerSubscription
}

/** @throws ProtocolError for what is no assignment */
export function decodeAssignment(bytes: Uint8Array): ConsumerAssignment {
  const reader = new ByteReader(bytes.slice())
  return codecOf('assignment', knownVersion(reader)).decode(reader) as ConsumerAssignment
}

export function encodeSubscription(subscription: ToEncode<typeof subscriptionFields>, version: number): Uint8Array {
  return encoded('subscription', subscription, version)
}

export function encodeAssignment(assignment: ToEncode<typeof assignmentFields>, version: number): Uint8Array {
  return encoded('assignment', assignment, version)
}

function encoded(name: 'subscription' | 'assignment', message: unknown, version: number): Uint8Array {
  const writer = new ByteWriter()
  writer.int16(version, 'version')
  codecOf(name, version).encode(writer, message)
  return Buffer.concat(writer.chunks())
}

function knownVersion(reader: ByteReader): number {
  const version = reader.int16()
  if (version < 0) throw reader.malformed(`version ${version} of the consumer protocol`)
  return Math.min(version, VERSION_MAX)
}
