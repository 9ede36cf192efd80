import type { LogClient } from '@millrace/log/client'
import { engineError } from '../../../errors.ts'
import { CONNECTOR, type EndAt, type PartitionOffsets, type StartAt } from './options.ts'
import { splitId, type TopicPartition } from './split.ts'

export type Isolation = 'read_committed' | 'read_uncommitted'

/** A place in a partition. */
export interface FoundPlace {
  readonly offset: number
  readonly leaderEpoch: number
}

type Found = Map<string, FoundPlace>

/** Where reading begins, by split id. @throws `KAFKA_NOT_COMMITTED`, `CLIENT_*` */
export async function startOffsets(
  client: LogClient,
  partitions: readonly TopicPartition[],
  start: StartAt,
  groupId: string | undefined,
  isolation: Isolation,
): Promise<ReadonlyMap<string, FoundPlace>> {
  if (start === 'earliest' || start === 'latest') return await listed(client, partitions, start, isolation)
  if (typeof start === 'object' && 'timestampMs' in start) return await listed(client, partitions, start, isolation)
  if (typeof start === 'object' && 'offsets' in start) {
    const given = givenOffsets('startAt', partitions, start.offsets)
    return await filled(client, partitions, given, start.otherwise ?? 'earliest', isolation)
  }
  const committed: Found = new Map()
  for (const { offset, leaderEpoch, ...at } of await client.admin.groups.offsets(groupId!, { partitions, requireStable: true }))
    committed.set(splitId(at), { offset, leaderEpoch })
  const otherwise = typeof start === 'object' ? start.committedOr : 'earliest'
  const missing = partitions.find((at) => !committed.has(splitId(at)))
  if (missing !== undefined && otherwise === 'fail') {
    const { topic, partition } = missing
    throw engineError('KAFKA_NOT_COMMITTED', { groupId: groupId!, topic, partition })
  }
  return await filled(client, partitions, committed, otherwise === 'fail' ? 'earliest' : otherwise, isolation)
}

/** Where reading ends, by split id. @throws `KAFKA_NO_END`, `CLIENT_*` */
export async function endOffsets(
  client: LogClient,
  partitions: readonly TopicPartition[],
  end: EndAt,
  isolation: Isolation,
): Promise<ReadonlyMap<string, FoundPlace>> {
  if (end === 'latest' || 'timestampMs' in end) return await listed(client, partitions, end, isolation)
  const given = givenOffsets('endAt', partitions, end.offsets)
  const missing = partitions.find((at) => !given.has(splitId(at)))
  if (missing !== undefined) throw engineError('KAFKA_NO_END', { topic: missing.topic, partition: missing.partition })
  return given
}

/** @throws `CONNECTOR_OPTION_INVALID` for a partition that the topic does not have */
function givenOffsets(option: 'startAt' | 'endAt', partitions: readonly TopicPartition[], offsets: PartitionOffsets): Found {
  const given: Found = new Map()
  for (const [topic, ofTopic] of Map.groupBy(partitions, (at) => at.topic)) {
    const numbers = new Set(ofTopic.map(({ partition }) => String(partition)))
    const other = Object.keys(offsets[topic] ?? {}).find((partition) => !numbers.has(partition))
    if (other === undefined) continue
    const problem = `names partition ${other} of ${topic}, which has ${numbers.size}, counted from 0`
    throw engineError('CONNECTOR_OPTION_INVALID', { connector: CONNECTOR, option: `${option}.offsets`, problem })
  }
  for (const at of partitions) {
    const offset = offsets[at.topic]?.[at.partition]
    if (offset !== undefined) given.set(splitId(at), { offset, leaderEpoch: -1 })
  }
  return given
}

async function filled(
  client: LogClient,
  partitions: readonly TopicPartition[],
  known: Found,
  otherwise: 'earliest' | 'latest',
  isolation: Isolation,
): Promise<Found> {
  const missing = partitions.filter((at) => !known.has(splitId(at)))
  return new Map([...known, ...(await listed(client, missing, otherwise, isolation))])
}

async function listed(
  client: LogClient,
  partitions: readonly TopicPartition[],
  spec: 'earliest' | 'latest' | { readonly timestampMs: number },
  isolation: Isolation,
): Promise<Found> {
  const queries = partitions.map(({ topic, partition }) => ({ topic, partition, spec }))
  const found = await client.admin.listOffsets(queries, isolation)
  return new Map(found.map((place) => [splitId(place), { offset: place.offset, leaderEpoch: -1 }]))
}
