/**
 * Fetch 4 to 18, for consumers: full fetches without a session (KIP-227 lets a broker give none), long polls.
 *
 * 1. A poll ends when the bytes asked for are there, when something is to be told, when its time is over, or when nobody waits any longer.
 * 2. The first batch of the response is whole, whatever its size; behind it the limits of request and partition hold.
 * 3. While a poll waits, nothing is pinned and nothing is loaded.
 */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import { readRanges, type Isolation, type ReadPlan } from '../../../storage/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { ApiHandler, RequestContext } from '../../handler.ts'
import { leaderEpochError } from '../../topics/leader-epoch-check.ts'
import type { Partition } from '../../topics/partition.ts'
import { waitForMore } from './long-poll.ts'

type Request = ApiRequest<'Fetch'>
type Response = ApiResponseToSend<'Fetch'>
type WantedPartition = Request['topics'][number]['partitions'][number]
type Result = Response['responses'][number]['partitions'][number]

/** `fetch.max.bytes` of the broker. */
const RESPONSE_BYTES_MAX = 57_671_680
const TOPIC_ID_SINCE_VERSION = 13
const NO_RECORDS = new Uint8Array(0)

/** A partition as it is asked for, and what is known of it. */
interface Target {
  readonly wanted: WantedPartition
  readonly partition: Partition | undefined
  readonly errorCode: number
}

interface TopicTargets {
  readonly topic: string
  readonly topicId: Uint8Array
  readonly targets: readonly Target[]
}

type Outcome = { readonly plan: ReadPlan } | { readonly errorCode: number }

export const fetch: ApiHandler<'Fetch'> = {
  name: 'Fetch',
  async handle(request, context) {
    // A session that goes on is one that we never gave: the client then starts over with a full fetch.
    if (request.sessionEpoch > 0) return { errorCode: ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND, sessionId: 0, responses: [] }
    const topics = targetsOf(request, context)
    const outcomes = await poll(request, topics, context)
    const responses = topics.map(async ({ topic, topicId, targets }) => {
      const partitions = await Promise.all(targets.map((target) => result(target, outcomes.get(target)!)))
      return { topic, topicId, partitions }
    })
    return { errorCode: ERROR_CODE.NONE, sessionId: 0, responses: await Promise.all(responses) }
  },
}

function targetsOf({ topics, replicaId, replicaState }: Request, { broker, version }: RequestContext): TopicTargets[] {
  const isFollower = Math.max(replicaId, replicaState.replicaId) >= 0
  const byId = version >= TOPIC_ID_SINCE_VERSION
  return topics.map(({ topic: name, topicId, partitions }) => {
    const topic = byId ? broker.topics.withId(topicId) : broker.topics.named(name)
    const targets = partitions.map((wanted): Target => {
      const partition = topic?.partitions[wanted.partition]
      if (topic === undefined && byId) return { wanted, partition, errorCode: ERROR_CODE.UNKNOWN_TOPIC_ID }
      if (partition === undefined) return { wanted, partition, errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }
      // No other broker has a replica of anything.
      if (isFollower) return { wanted, partition, errorCode: ERROR_CODE.NOT_LEADER_OR_FOLLOWER }
      return { wanted, partition, errorCode: leaderEpochError(wanted.currentLeaderEpoch, partition.leaderEpoch) }
    })
    return { topic: name, topicId, targets }
  })
}

/** Plans the reads, as often as needed until there is enough to answer. */
async function poll(request: Request, topics: readonly TopicTargets[], context: RequestContext): Promise<Map<Target, Outcome>> {
  const { clock } = context.broker
  const targets = topics.flatMap((topic) => topic.targets)
  const partitions = targets.flatMap(({ partition, errorCode }) => (partition && errorCode === ERROR_CODE.NONE ? [partition] : []))
  const deadline = clock.monotonic() + request.maxWaitMs
  for (;;) {
    // Watched from before the look, so that nothing slips in between.
    const more = waitForMore(partitions, deadline, clock, context.signal)
    const { outcomes, sizeBytes, isUrgent } = await plan(targets, request)
    if (isUrgent || partitions.length === 0 || sizeBytes >= request.minBytes || more.isOver()) {
      more.cancel()
      return outcomes
    }
    for (const outcome of outcomes.values()) if ('plan' in outcome) outcome.plan.release()
    await more.arrived
  }
}

interface Planned {
  readonly outcomes: Map<Target, Outcome>
  readonly sizeBytes: number
  /** Whether an error is to be told. */
  readonly isUrgent: boolean
}

async function plan(targets: readonly Target[], { maxBytes, isolationLevel }: Request): Promise<Planned> {
  const isolation: Isolation = isolationLevel === 1 ? 'last-stable' : 'high-watermark'
  const limitBytes = Math.min(maxBytes, RESPONSE_BYTES_MAX)
  const outcomes = new Map<Target, Outcome>()
  let sizeBytes = 0
  let isUrgent = false
  for (const target of targets) {
    const partitionMaxBytes = Math.max(0, Math.min(target.wanted.partitionMaxBytes, limitBytes - sizeBytes))
    const outcome = await planOne(target, partitionMaxBytes, sizeBytes === 0, isolation)
    outcomes.set(target, outcome)
    if ('plan' in outcome) sizeBytes += outcome.plan.sizeBytes
    else isUrgent = true
  }
  return { outcomes, sizeBytes, isUrgent }
}

async function planOne(
  { wanted, partition, errorCode }: Target,
  maxBytes: number,
  minOneBatch: boolean,
  isolation: Isolation,
): Promise<Outcome> {
  if (partition === undefined || errorCode !== ERROR_CODE.NONE) return { errorCode }
  if (partition.isRetired) return { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }
  try {
    return { plan: await partition.log.read({ startOffset: wanted.fetchOffset, maxBytes, minOneBatch, isolation }) }
  } catch (error) {
    return { errorCode: errorCodeOf(error) }
  }
}

async function result({ wanted }: Target, outcome: Outcome): Promise<Result> {
  const partitionIndex = wanted.partition
  if (!('plan' in outcome)) return failed(partitionIndex, outcome.errorCode)
  const { plan } = outcome
  try {
    const records = plan.sizeBytes === 0 ? NO_RECORDS : await readRanges(plan)
    const { highWatermark, lastStableOffset, logStartOffset } = plan
    const abortedTransactions = plan.abortedTransactions?.map(({ producerId, firstOffset }) => ({ producerId, firstOffset })) ?? null
    return { partitionIndex, errorCode: ERROR_CODE.NONE, highWatermark, lastStableOffset, logStartOffset, abortedTransactions, records }
  } catch (error) {
    return failed(partitionIndex, errorCodeOf(error))
  } finally {
    plan.release()
  }
}

function failed(partitionIndex: number, errorCode: number): Result {
  return { partitionIndex, errorCode, highWatermark: -1, abortedTransactions: null, records: NO_RECORDS }
}
