/** Which partitions a fetch is about, and by which session it is answered (KIP-227). */
import { ERROR_CODE, type ApiRequest } from '../../../protocol/index.ts'
import { FetchPartition, partitionKey } from './fetch-partition.ts'
import { FINAL_EPOCH, INITIAL_EPOCH, type FetchSession } from './fetch-session.ts'
import type { FetchSessionCache } from './fetch-session-cache.ts'

type Request = ApiRequest<'Fetch'>

/** From this version on topics are named by their ids. */
export const TOPIC_ID_SINCE_VERSION = 13

export type FetchContext =
  | { readonly kind: 'refused'; readonly errorCode: number }
  /** Every partition is told, and no session is made. */
  | { readonly kind: 'sessionless'; readonly partitions: readonly FetchPartition[] }
  /** Every partition is told, and a session may be made. */
  | { readonly kind: 'full'; readonly partitions: readonly FetchPartition[] }
  /** What is new is told. */
  | { readonly kind: 'incremental'; readonly partitions: readonly FetchPartition[]; readonly session: FetchSession }

export function fetchContext(request: Request, version: number, cache: FetchSessionCache, nowMs: number): FetchContext {
  const usesTopicIds = version >= TOPIC_ID_SINCE_VERSION
  const { sessionId, sessionEpoch } = request
  const partitions = partitionsOf(request, usesTopicIds)
  if (sessionEpoch === INITIAL_EPOCH || sessionEpoch === FINAL_EPOCH) {
    cache.remove(sessionId)
    return { kind: sessionEpoch === FINAL_EPOCH ? 'sessionless' : 'full', partitions }
  }
  const session = cache.get(sessionId)
  if (session === undefined) return { kind: 'refused', errorCode: ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND }
  if (session.usesTopicIds !== usesTopicIds) return { kind: 'refused', errorCode: ERROR_CODE.FETCH_SESSION_TOPIC_ID_ERROR }
  if (session.epoch !== sessionEpoch) return { kind: 'refused', errorCode: ERROR_CODE.INVALID_FETCH_SESSION_EPOCH }
  if (!cache.update(session, partitions, forgottenKeys(request, usesTopicIds), nowMs)) {
    return { kind: 'refused', errorCode: ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND }
  }
  if (session.size > 0) return { kind: 'incremental', partitions: session.partitions(), session }
  cache.remove(sessionId)
  return { kind: 'sessionless', partitions: [] }
}

function partitionsOf({ topics }: Request, usesTopicIds: boolean): FetchPartition[] {
  return topics.flatMap(({ topic, topicId, partitions }) => {
    const name = usesTopicIds ? undefined : topic
    return partitions.map(
      (wanted) => new FetchPartition(partitionKey(topic, topicId, usesTopicIds, wanted.partition), name, topicId, wanted),
    )
  })
}

function forgottenKeys({ forgottenTopicsData }: Request, usesTopicIds: boolean): string[] {
  return forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((index) => partitionKey(topic, topicId, usesTopicIds, index)),
  )
}
