/** Requests that tests send often, and what they want to know of the answers. */
import assert from 'node:assert/strict'
import { ERROR_CODE } from '../../protocol/index.ts'
import { batches, buildBatch, records, type BatchOptions } from '../../records/index.ts'
import type { WireClient } from './wire-client.ts'

const NO_ID = new Uint8Array(16)

export function batchOf(values: readonly string[], options: BatchOptions & { readonly timestamp?: number } = {}): Uint8Array {
  const timestamp = options.timestamp ?? Date.now()
  return buildBatch(
    values.map((value) => ({ key: null, value: Buffer.from(value), timestamp })),
    options,
  ).whole
}

/** Makes a topic, and gives its id. */
export async function createTopic(
  client: WireClient,
  name: string,
  configs: Readonly<Record<string, string>> = {},
  numPartitions = 1,
): Promise<Uint8Array> {
  const set = Object.entries(configs).map(([config, value]) => ({ name: config, value }))
  const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: set }
  const { topics } = await client.ask('CreateTopics', 7, { topics: [topic], timeoutMs: 5000, validateOnly: false })
  assert.equal(topics[0]!.errorCode, ERROR_CODE.NONE, topics[0]!.errorMessage ?? '')
  return topics[0]!.topicId
}

interface Produced {
  readonly errorCode: number
  readonly baseOffset: number
  readonly errorMessage: string | null
  readonly logAppendTimeMs: number
}

export async function produceTo(
  client: WireClient,
  topic: string,
  batch: Uint8Array | null,
  {
    version = 12,
    acks = -1,
    partition = 0,
    topicId = NO_ID,
  }: { version?: number; acks?: number; partition?: number; topicId?: Uint8Array } = {},
): Promise<Produced> {
  const partitionData = [{ index: partition, records: batch }]
  const { responses } = await client.ask('Produce', version, {
    acks,
    timeoutMs: 5000,
    topicData: [{ name: topic, topicId, partitionData }],
  })
  return responses[0]!.partitionResponses[0]!
}

interface FetchOptions {
  readonly version?: number
  readonly offset?: number
  readonly topicId?: Uint8Array
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly isolationLevel?: number
  readonly leaderEpoch?: number
}

interface Fetched {
  readonly errorCode: number
  readonly highWatermark: number
  readonly sizeBytes: number
  readonly offsets: readonly number[]
  readonly values: readonly string[]
  readonly compressions: readonly number[]
}

export async function fetchFrom(client: WireClient, topic: string, options: FetchOptions = {}): Promise<Fetched> {
  const wanted = {
    partition: 0,
    currentLeaderEpoch: options.leaderEpoch ?? -1,
    fetchOffset: options.offset ?? 0,
    partitionMaxBytes: options.partitionMaxBytes ?? 1 << 20,
  }
  const { responses } = await client.ask('Fetch', options.version ?? 12, {
    maxWaitMs: options.maxWaitMs ?? 0,
    minBytes: options.minBytes ?? 1,
    maxBytes: options.maxBytes ?? 1 << 20,
    isolationLevel: options.isolationLevel ?? 0,
    topics: [{ topic, topicId: options.topicId ?? NO_ID, partitions: [wanted] }],
    forgottenTopicsData: [],
  })
  const { errorCode, highWatermark, records: bytes } = responses[0]!.partitions[0]!
  assert.ok(bytes !== null, 'records are never null')
  const found = [...batches(bytes, { verifyCrc: true })]
  const all = found.flatMap((batch) => [...records(batch)].map(({ offset, value }) => ({ offset, value: Buffer.from(value!).toString() })))
  return {
    errorCode,
    highWatermark,
    sizeBytes: bytes.length,
    offsets: all.map(({ offset }) => offset),
    values: all.map(({ value }) => value),
    compressions: found.map(({ compression }) => compression),
  }
}
