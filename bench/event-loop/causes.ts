/** What may delay the event loop of a broker, one after the other. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { LogClient } from '@millrace/log/client'
import { protocol } from '@millrace/log'
import { consumeSteadily, produceSteadily, rebalanceSteadily, type Load, type Topics } from '../soak/load.ts'
import { placeOf, Wire } from '../soak/wire.ts'

export interface Setting {
  readonly client: LogClient
  readonly bootstrap: string
}

export interface Cause {
  readonly name: string
  /** Makes the topics, and gives what goes on until the signal. */
  prepare(setting: Setting): Promise<(signal: AbortSignal) => Promise<unknown>>
}

const PARTITIONS = 6
const BYTES_PER_SECOND = 10_000_000
const MEMBERS = 1000
const GROUP_TOPICS = 10
const GROUP_PARTITIONS = 1000
const HEARTBEAT_VERSION = 1
const FIND_VERSION = 4
const RETRY_MS = 50
const HEADER = { correlationId: 0, clientId: 'event-loop' }
const MANY_PARTITIONS = 200
const SMALL_SEGMENTS = { 'segment.bytes': '1048576' }

type TopicConfigs = Readonly<Record<string, string>>

async function load(
  { client, bootstrap }: Setting,
  name: string,
  kept: TopicConfigs,
  compacted: TopicConfigs,
): Promise<Omit<Load, 'signal'>> {
  const topics: Topics = {
    kept: `${name}-kept`,
    keptPartitions: PARTITIONS,
    compacted: `${name}-compacted`,
    compactedPartitions: PARTITIONS,
    probe: `${name}-group`,
  }
  await client.admin.createTopics([
    { name: topics.kept, partitions: PARTITIONS, configs: kept },
    { name: topics.compacted, partitions: PARTITIONS, configs: compacted },
    { name: topics.probe, partitions: PARTITIONS },
  ])
  const counts = { producedBytes: 0, consumedRecords: 0, connections: 0, stalled: 0, groupGenerations: 0 }
  return { client, place: placeOf(bootstrap), topics, counts }
}

/** Records that are written and read, over topics with these configurations. */
function records(name: string, kept: TopicConfigs, compacted: TopicConfigs = kept): Cause {
  return {
    name,
    async prepare(setting) {
      const made = await load(setting, name.replaceAll(' ', '-'), kept, compacted)
      return (signal) =>
        Promise.all([produceSteadily({ ...made, signal }, BYTES_PER_SECOND), consumeSteadily({ ...made, signal }, PARTITIONS)])
    },
  }
}

const classicRebalance: Cause = {
  name: 'classic rebalance',
  async prepare(setting) {
    const made = await load(setting, 'classic', {}, {})
    return (signal) => Promise.all(Array.from({ length: 5 }, () => rebalanceSteadily({ ...made, signal })))
  },
}

/** Members of the consumer protocol join a group of ten thousand partitions, one after the other; when it is full, another one. */
const consumerJoin: Cause = {
  name: `${MEMBERS} members join for ${GROUP_TOPICS * GROUP_PARTITIONS} partitions`,
  async prepare({ client, bootstrap }) {
    const names = Array.from({ length: GROUP_TOPICS }, (_, index) => `large-${index}`)
    for (const name of names) await client.admin.createTopics([{ name, partitions: GROUP_PARTITIONS }])
    return async (signal) => {
      const wire = await Wire.connect(placeOf(bootstrap))
      const find = { keyType: 0, coordinatorKeys: ['large-0'] }
      await wire.ask(Buffer.concat(protocol.encodeRequest('FindCoordinator', FIND_VERSION, HEADER, find)))
      for (let index = 0; !signal.aborted; index++) await join(wire, `large-${Math.floor(index / MEMBERS)}`, `member-${index}`, names)
      wire.close()
    }
  },
}

async function join(wire: Wire, groupId: string, memberId: string, subscribedTopicNames: readonly string[]): Promise<void> {
  const body = {
    groupId,
    memberId,
    memberEpoch: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopicNames,
    subscribedTopicRegex: null,
    topicPartitions: [],
  }
  const bytes = Buffer.concat(protocol.encodeRequest('ConsumerGroupHeartbeat', HEARTBEAT_VERSION, HEADER, body))
  for (;;) {
    const { errorCode, errorMessage } = protocol.decodeResponse('ConsumerGroupHeartbeat', HEARTBEAT_VERSION, await wire.ask(bytes))
    if (errorCode === 0) return
    // Of a new broker, which has no topic for groups yet, or reads it.
    const isEarly = [
      protocol.ERROR_CODE.COORDINATOR_NOT_AVAILABLE,
      protocol.ERROR_CODE.COORDINATOR_LOAD_IN_PROGRESS,
      protocol.ERROR_CODE.NOT_COORDINATOR,
    ].some((code) => code === errorCode)
    if (!isEarly) throw new Error(`ConsumerGroupHeartbeat: ${errorCode} ${errorMessage ?? ''}`)
    await sleep(RETRY_MS)
  }
}

/** Topics of many partitions come and go. */
const topics: Cause = {
  name: `topics of ${MANY_PARTITIONS} partitions come and go`,
  prepare: async ({ client }) => {
    return async (signal) => {
      for (let index = 0; !signal.aborted; index++) {
        await client.admin.createTopics([{ name: `brief-${index}`, partitions: MANY_PARTITIONS }])
        await client.admin.deleteTopics([`brief-${index}`])
      }
    }
  },
}

export const causes: readonly Cause[] = [
  { name: 'nothing', prepare: async () => async () => undefined },
  records('records', {}),
  records('roll', SMALL_SEGMENTS),
  records('retention', { ...SMALL_SEGMENTS, 'retention.bytes': '4194304' }),
  records('compaction', {}, { ...SMALL_SEGMENTS, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' }),
  classicRebalance,
  topics,
  consumerJoin,
]
