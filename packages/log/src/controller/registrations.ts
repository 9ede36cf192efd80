/** The contents of nodes: JSON as Kafka wrote it into ZooKeeper. */
import { logError } from '../errors.ts'

/** Who leads a partition, and who has all of it. */
export interface PartitionState {
  readonly leader: number
  readonly leaderEpoch: number
  readonly isr: readonly number[]
  readonly controllerEpoch: number
}

export interface TopicAssignment {
  /** Sixteen bytes in base64url; undefined for a topic of a time before ids. */
  readonly id: string | undefined
  /** Brokers of each partition by its number, the preferred leader first. */
  readonly replicas: readonly (readonly number[])[]
}

export interface BrokerRegistration {
  readonly host: string
  readonly port: number
  readonly rack: string | undefined
  /** `NAME://host:port` of every listener that clients are told of. */
  readonly endpoints: readonly string[]
}

export function encodeBroker({ host, port, rack, endpoints }: BrokerRegistration, nowMs: number): Uint8Array {
  return json({ version: 5, host, port, endpoints, rack: rack ?? null, jmx_port: -1, timestamp: String(nowMs), features: {} })
}

export function encodeController(brokerId: number, nowMs: number): Uint8Array {
  return json({ version: 1, brokerid: brokerId, timestamp: String(nowMs) })
}

export function encodeCount(count: number): Uint8Array {
  return Buffer.from(String(count))
}

export function decodeCount(bytes: Uint8Array, path: string): number {
  const text = textOf(bytes)
  if (!/^\d{1,15}$/.test(text)) throw corrupt(path, 'it is no number')
  return Number(text)
}

export function encodeTopic({ id, replicas }: TopicAssignment): Uint8Array {
  const partitions = Object.fromEntries(replicas.map((brokers, partition) => [partition, brokers]))
  return json({ version: 3, ...(id === undefined ? {} : { topic_id: id }), partitions, adding_replicas: {}, removing_replicas: {} })
}

/** @throws BROKER_METADATA_CORRUPT */
export function decodeTopic(bytes: Uint8Array, path: string): TopicAssignment {
  const { topic_id: id, partitions } = object(parse(bytes, path), path)
  if (id !== undefined && !(typeof id === 'string' && Buffer.from(id, 'base64url').length === 16)) throw corrupt(path, 'the id of a topic')
  const byNumber = object(partitions, path)
  const replicas = Array.from({ length: Object.keys(byNumber).length }, (_, partition) => brokerIds(byNumber[partition], path))
  return { id, replicas }
}

export function encodePartitionState({ leader, leaderEpoch, isr, controllerEpoch }: PartitionState): Uint8Array {
  return json({ controller_epoch: controllerEpoch, leader, version: 1, leader_epoch: leaderEpoch, isr })
}

/** @throws BROKER_METADATA_CORRUPT */
export function decodePartitionState(bytes: Uint8Array, path: string): PartitionState {
  const { controller_epoch: controllerEpoch, leader, leader_epoch: leaderEpoch, isr } = object(parse(bytes, path), path)
  if (!isInteger(controllerEpoch) || !isInteger(leader) || !isInteger(leaderEpoch)) throw corrupt(path, 'an epoch or the leader')
  return { leader, leaderEpoch, controllerEpoch, isr: brokerIds(isr, path) }
}

export function encodeConfigs(configs: Readonly<Record<string, string>>): Uint8Array {
  return json({ version: 1, config: configs })
}

/** @throws BROKER_METADATA_CORRUPT */
export function decodeConfigs(bytes: Uint8Array, path: string): Readonly<Record<string, string>> {
  const configs = object(object(parse(bytes, path), path)['config'], path)
  if (!Object.values(configs).every((text) => typeof text === 'string')) throw corrupt(path, 'a configuration is no text')
  return configs as Record<string, string>
}

export function encodeProducerIdBlock(broker: number, start: number, end: number): Uint8Array {
  return json({ version: 1, broker, block_start: String(start), block_end: String(end) })
}

/** The last id of the block. @throws BROKER_METADATA_CORRUPT */
export function decodeProducerIdBlock(bytes: Uint8Array, path: string): number {
  const end = Number(object(parse(bytes, path), path)['block_end'])
  if (!Number.isSafeInteger(end) || end < 0) throw corrupt(path, 'the end of the block')
  return end
}

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8')
}

function parse(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(textOf(bytes))
  } catch (cause) {
    throw corrupt(path, 'it is no JSON', cause)
  }
}

function object(value: unknown, path: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw corrupt(path, 'it is no object')
  return value as Record<string, unknown>
}

function brokerIds(value: unknown, path: string): readonly number[] {
  if (!Array.isArray(value) || !value.every(isInteger)) throw corrupt(path, 'a list of brokers')
  return value
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

function corrupt(path: string, problem: string, cause?: unknown): Error {
  return logError('BROKER_METADATA_CORRUPT', { path, problem }, cause)
}
