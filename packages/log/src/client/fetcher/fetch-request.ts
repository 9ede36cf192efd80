import type { ApiRequestToSend } from '../../protocol/index.ts'
import { isZero, type ClusterView } from '../metadata/cluster-view.ts'
import type { FetcherSettings } from './fetcher-options.ts'
import type { FetchSession, SessionPartition } from './fetch-session.ts'
import type { Position } from './position.ts'

/** With topic ids, without what only followers need; and the last version with names. */
const VERSION_WITH_IDS = 16
const VERSION_WITH_NAMES = 12

/** A fetch of these positions, and the newest version in which it can be asked. */
export function fetchRequest(
  positions: readonly Position[],
  view: ClusterView,
  session: FetchSession,
  settings: FetcherSettings,
): { readonly request: ApiRequestToSend<'Fetch'>; readonly maxVersion: number } {
  const { maxWaitMs, minBytes, maxBytes, partitionMaxBytes, isolation, sessions } = settings
  const wanted = positions.map(({ topic, partition, fetch: fetchOffset }): SessionPartition => {
    const { id: topicId, partitions } = view.topic(topic)!
    return { topic, topicId, partition, fetchOffset, currentLeaderEpoch: partitions[partition]!.leaderEpoch, partitionMaxBytes }
  })
  const named = sessions ? session.request(wanted) : { sessionId: 0, sessionEpoch: -1, partitions: wanted, forgotten: [] }
  const request: ApiRequestToSend<'Fetch'> = {
    maxWaitMs,
    minBytes,
    maxBytes,
    isolationLevel: isolation === 'read_committed' ? 1 : 0,
    sessionId: named.sessionId,
    sessionEpoch: named.sessionEpoch,
    topics: byTopic(named.partitions).map(([topic, list]) => ({ topic, topicId: list[0]!.topicId, partitions: list })),
    forgottenTopicsData: byTopic(named.forgotten).map(([topic, list]) => ({
      topic,
      topicId: list[0]!.topicId,
      partitions: list.map(({ partition }) => partition),
    })),
  }
  const hasIds = [...wanted, ...named.forgotten].every(({ topicId }) => !isZero(topicId))
  return { request, maxVersion: hasIds ? VERSION_WITH_IDS : VERSION_WITH_NAMES }
}

/** A topic that was made again under its name is another one. */
function byTopic(partitions: readonly SessionPartition[]): readonly (readonly [string, readonly SessionPartition[]])[] {
  const groups = Map.groupBy(partitions, ({ topic, topicId }) => `${topic} ${Buffer.from(topicId).toString('latin1')}`)
  return [...groups.values()].map((list) => [list[0]!.topic, list] as const)
}
