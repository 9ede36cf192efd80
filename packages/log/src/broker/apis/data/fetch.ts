/**
 * Fetch 4 to 18: full and incremental (KIP-227), long polls, by name or from version 13 by topic id.
 *
 * Records are not loaded: the response holds pinned ranges, which the connection streams. No replica is preferred to this one, wherever a client is.
 */
import { ERROR_CODE, type ApiRequest, type ApiResponseToSend } from '../../../protocol/index.ts'
import type { ApiHandler, BrokerFacts, RequestContext } from '../../handler.ts'
import { CLUSTER_NAME } from '../../security/authorizer.ts'
import { fetchContext, TOPIC_ID_SINCE_VERSION, type FetchContext } from './fetch-context.ts'
import type { FetchPartition } from './fetch-partition.ts'
import { poll, type Found, type Outcome } from './fetch-poll.ts'
import type { FetchSession, ToldPartition } from './fetch-session.ts'
import { StreamedPlan } from './streamed-plan.ts'

type Request = ApiRequest<'Fetch'>
type Response = ApiResponseToSend<'Fetch'>
type TopicResult = Response['responses'][number]
type Result = TopicResult['partitions'][number]

const CURRENT_LEADER_SINCE_VERSION = 12
const NODE_ENDPOINTS_SINCE_VERSION = 16
const READ_COMMITTED = 1
const NO_RECORDS = new Uint8Array(0)

export const fetch: ApiHandler<'Fetch'> = {
  name: 'Fetch',
  async handle(request, context) {
    const { broker, version } = context
    const nowMs = broker.clock.monotonic()
    const fetching = fetchContext(request, version, broker.fetchSessions, nowMs)
    if (fetching.kind === 'refused') return { errorCode: fetching.errorCode, sessionId: 0, responses: [] }
    const { partitions } = fetching
    const maxBytes = Math.min(request.maxBytes, broker.config.get('fetch.max.bytes'))
    const isolation = request.isolationLevel === READ_COMMITTED ? 'last-stable' : 'high-watermark'
    const options = { maxBytes, minBytes: Math.min(request.minBytes, maxBytes), maxWaitMs: request.maxWaitMs, isolation } as const
    const outcomes = await poll(partitions, finder(request, context), options, context)
    return respond(fetching, request, outcomes, context)
  },
}

/** Finds the partitions of one request; what is allowed is asked once a topic. */
function finder(request: Request, context: RequestContext): (target: FetchPartition) => Found {
  const isFollower = isFollowerRequest(request)
  const allowed = new Map<string, boolean>()
  const isAllowed = (topic: string): boolean => {
    const known = allowed.get(topic)
    if (known !== undefined) return known
    const allows = isFollower ? context.allows('ClusterAction', 'Cluster', CLUSTER_NAME) : context.allows('Read', 'Topic', topic)
    allowed.set(topic, allows)
    return allows
  }
  return (target) => {
    const found = locate(target, context)
    if (target.topicName === undefined) return { errorCode: ERROR_CODE.UNKNOWN_TOPIC_ID }
    if (!isAllowed(target.topicName)) return { errorCode: ERROR_CODE.TOPIC_AUTHORIZATION_FAILED }
    // No other broker has a replica of anything.
    return isFollower && 'partition' in found ? { errorCode: ERROR_CODE.NOT_LEADER_OR_FOLLOWER } : found
  }
}

function locate(target: FetchPartition, { broker: { topics }, version }: RequestContext): Found {
  if (target.found !== undefined && !target.found.isRetired) return { partition: target.found }
  const byId = version >= TOPIC_ID_SINCE_VERSION
  const topic = byId ? topics.withId(target.topicId) : topics.named(target.topicName!)
  if (topic === undefined && byId && target.topicName !== undefined && topics.named(target.topicName) !== undefined) {
    return { errorCode: ERROR_CODE.INCONSISTENT_TOPIC_ID }
  }
  target.topicName ??= topic?.name
  target.found = topic?.partitions[target.index]
  return target.found === undefined ? { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION } : { partition: target.found }
}

function isFollowerRequest({ replicaId, replicaState }: Request): boolean {
  return Math.max(replicaId, replicaState.replicaId) >= 0
}

function respond(
  fetching: Exclude<FetchContext, { kind: 'refused' }>,
  request: Request,
  outcomes: readonly Outcome[],
  { broker, version, advertised }: RequestContext,
): Response {
  const session = sessionOf(fetching, request, version, broker)
  const topics: { readonly result: TopicResult; readonly partitions: Result[] }[] = []
  let pointsToLeader = false
  for (const [index, outcome] of outcomes.entries()) {
    const target = fetching.partitions[index]!
    const result = resultOf(target, outcome, request.isolationLevel, broker.nodeId, version)
    const told = toldOf(outcome)
    if (!isToTell(fetching, session, target, told)) continue
    if (outcome.partition !== undefined) broker.metrics.fetchAnswered(target.topicName!, told.recordsBytes, outcome.kind === 'failed')
    pointsToLeader ||= result.currentLeader !== undefined
    const last = topics.at(-1)
    if (last?.result.topicId === target.topicId && last.result.topic === target.topicName) last.partitions.push(result)
    else {
      const partitions = [result]
      topics.push({ result: { topic: target.topicName ?? '', topicId: target.topicId, partitions }, partitions })
    }
  }
  const endpoints = pointsToLeader && version >= NODE_ENDPOINTS_SINCE_VERSION ? [{ nodeId: broker.nodeId, ...advertised }] : []
  const responses = topics.map(({ result }) => result)
  return { errorCode: ERROR_CODE.NONE, sessionId: session?.id ?? 0, responses, nodeEndpoints: endpoints }
}

function sessionOf(
  fetching: FetchContext,
  request: Request,
  version: number,
  { fetchSessions, clock }: BrokerFacts,
): FetchSession | undefined {
  if (fetching.kind === 'incremental') return fetching.session
  if (fetching.kind !== 'full') return undefined
  return fetchSessions.create({
    isFollower: isFollowerRequest(request),
    usesTopicIds: version >= TOPIC_ID_SINCE_VERSION,
    partitions: fetching.partitions,
    nowMs: clock.monotonic(),
  })
}

function isToTell({ kind }: FetchContext, session: FetchSession | undefined, target: FetchPartition, told: ToldPartition): boolean {
  if (session === undefined) return true
  if (kind === 'incremental') return session.mustTell(target, told)
  session.told(target, told)
  return true
}

function toldOf(outcome: Outcome): ToldPartition {
  const { partition } = outcome
  const log = outcome.kind === 'planned' ? outcome.plan : partition?.log
  return {
    errorCode: outcome.kind === 'failed' ? outcome.errorCode : ERROR_CODE.NONE,
    highWatermark: log?.highWatermark ?? -1,
    logStartOffset: log?.logStartOffset ?? -1,
    recordsBytes: outcome.kind === 'planned' ? outcome.plan.sizeBytes : 0,
    isUrgent: outcome.kind === 'diverging',
  }
}

function resultOf(target: FetchPartition, outcome: Outcome, isolationLevel: number, leaderId: number, version: number): Result {
  const partitionIndex = target.index
  if (outcome.kind === 'failed') {
    const { errorCode, partition } = outcome
    const failed = { partitionIndex, errorCode, highWatermark: -1, abortedTransactions: null, records: NO_RECORDS }
    const isToldLeader = errorCode === ERROR_CODE.FENCED_LEADER_EPOCH && version >= CURRENT_LEADER_SINCE_VERSION && partition !== undefined
    return isToldLeader ? { ...failed, currentLeader: { leaderId, leaderEpoch: partition.leaderEpoch } } : failed
  }
  const facts = outcome.kind === 'planned' ? outcome.plan : outcome.partition.log
  const { highWatermark, lastStableOffset, logStartOffset } = facts
  const result = { partitionIndex, errorCode: ERROR_CODE.NONE, highWatermark, lastStableOffset, logStartOffset }
  const none = isolationLevel === READ_COMMITTED ? [] : null
  if (outcome.kind !== 'planned') {
    const divergence = outcome.kind === 'diverging' ? { divergingEpoch: outcome.divergingEpoch } : {}
    return { ...result, ...divergence, abortedTransactions: none, records: NO_RECORDS }
  }
  const { plan } = outcome
  // In the order of their first offsets: Kafka promises none, but there are clients (kafkajs) that count on it and show aborted records otherwise.
  const abortedTransactions =
    plan.abortedTransactions
      ?.map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
      .toSorted((a, b) => a.firstOffset - b.firstOffset) ?? none
  if (plan.sizeBytes > 0) return { ...result, abortedTransactions, records: new StreamedPlan(plan) }
  plan.release()
  return { ...result, abortedTransactions, records: NO_RECORDS }
}
