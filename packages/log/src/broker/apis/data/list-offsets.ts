/** ListOffsets 1 to 11: by time to the exact record, and the special times. Nothing is tiered: what is local is everything. */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { Isolation } from '../../../storage/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler } from '../../handler.ts'
import { leaderEpochError } from '../../topics/leader-epoch-check.ts'
import type { Partition } from '../../topics/partition.ts'

type Wanted = ApiRequest<'ListOffsets'>['topics'][number]['partitions'][number]
type Result = ApiResponseToSend<'ListOffsets'>['topics'][number]['partitions'][number]
type Found = Pick<Result, 'timestamp' | 'offset' | 'leaderEpoch'>

/** The times that mean something else, and since which version. */
const SPECIAL = {
  latest: { timestamp: -1, since: 1 },
  earliest: { timestamp: -2, since: 1 },
  maxTimestamp: { timestamp: -3, since: 7 },
  earliestLocal: { timestamp: -4, since: 8 },
  latestTiered: { timestamp: -5, since: 9 },
  earliestPendingUpload: { timestamp: -6, since: 11 },
} as const

const LEADER_EPOCH_SINCE_VERSION = 4
const NOTHING: Found = { timestamp: -1, offset: -1, leaderEpoch: -1 }

export const listOffsets: ApiHandler<'ListOffsets'> = {
  name: 'ListOffsets',
  async handle({ topics, isolationLevel, replicaId }, { broker, version, allows }) {
    const isolation: Isolation = replicaId >= 0 ? 'log-end' : isolationLevel === 1 ? 'last-stable' : 'high-watermark'
    const repeated = repeatedPartitions(topics)
    const results = topics.map(async ({ name, partitions }) => {
      const topic = broker.topics.named(name)
      const isAllowed = allows('Describe', 'Topic', name)
      const found = partitions.map(async (wanted): Promise<Result> => {
        const { partitionIndex } = wanted
        if (!isAllowed) return { partitionIndex, errorCode: ERROR_CODE.TOPIC_AUTHORIZATION_FAILED }
        if (repeated.has(`${name}-${partitionIndex}`)) return { partitionIndex, errorCode: ERROR_CODE.INVALID_REQUEST }
        return await find(topic?.partitions[partitionIndex], wanted, isolation, version)
      })
      return { name, partitions: await Promise.all(found) }
    })
    return { topics: await Promise.all(results) }
  },
}

/** Partitions that a request asks for more than once. */
function repeatedPartitions(topics: ApiRequest<'ListOffsets'>['topics']): ReadonlySet<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = `${name}-${partitionIndex}`
      if (seen.has(key)) repeated.add(key)
      seen.add(key)
    }
  }
  return repeated
}

async function find(partition: Partition | undefined, wanted: Wanted, isolation: Isolation, version: number): Promise<Result> {
  const { partitionIndex, currentLeaderEpoch, timestamp } = wanted
  if (partition === undefined) return { partitionIndex, errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }
  if (partition.offline !== undefined) return { partitionIndex, errorCode: ERROR_CODE.KAFKA_STORAGE_ERROR }
  const epochError = leaderEpochError(currentLeaderEpoch, partition.leaderEpoch)
  if (epochError !== ERROR_CODE.NONE) return { partitionIndex, errorCode: epochError }
  const special = Object.values(SPECIAL).find((each) => each.timestamp === timestamp)
  if (timestamp < 0 && (special === undefined || special.since > version)) {
    return { partitionIndex, errorCode: ERROR_CODE.UNSUPPORTED_VERSION }
  }
  try {
    const { leaderEpoch, ...found } = await lookUp(partition, timestamp, isolation)
    const epoch = version >= LEADER_EPOCH_SINCE_VERSION ? { leaderEpoch } : {}
    return { partitionIndex, errorCode: ERROR_CODE.NONE, ...found, ...epoch }
  } catch (error) {
    return { partitionIndex, errorCode: errorCodeOf(error) }
  }
}

async function lookUp({ log, leaderEpoch }: Partition, timestamp: number, isolation: Isolation): Promise<Found> {
  switch (timestamp) {
    case SPECIAL.latest.timestamp:
      return { timestamp: -1, offset: log.endOffset(isolation), leaderEpoch }
    case SPECIAL.earliest.timestamp:
    case SPECIAL.earliestLocal.timestamp:
      return { timestamp: -1, offset: log.logStartOffset, leaderEpoch: log.epochAt(log.logStartOffset) ?? -1 }
    case SPECIAL.latestTiered.timestamp:
    case SPECIAL.earliestPendingUpload.timestamp:
      return NOTHING
    default: {
      const found = timestamp === SPECIAL.maxTimestamp.timestamp ? await log.findMaxTimestamp() : await log.findTimestamp(timestamp)
      return found !== undefined && found.offset < log.endOffset(isolation) ? found : NOTHING
    }
  }
}
