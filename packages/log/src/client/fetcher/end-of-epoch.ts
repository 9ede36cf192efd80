import { ERROR_CODE } from '../../protocol/index.ts'
import { refusal } from '../errors.ts'
import type { Cluster } from '../metadata/cluster.ts'
import type { TopicPartition } from './fetcher-options.ts'

/** Where the log of a leader epoch ends, and the epoch that is so far known there: the asked one, or the largest below it. @throws `CLIENT_*` */
export async function endOfEpoch(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
  leaderEpoch: number,
  currentLeaderEpoch: number,
): Promise<{ readonly leaderEpoch: number; readonly endOffset: number }> {
  const { leader } = await cluster.leader(topic, partition)
  const link = cluster.link(leader)
  const connection = await link.connection()
  // Brokers without the API cannot be asked: nothing is known to be lost.
  if (connection.versions.common('OffsetForLeaderEpoch') === undefined) return { leaderEpoch, endOffset: -1 }
  const partitions = [{ partition, currentLeaderEpoch, leaderEpoch }]
  const { topics } = await link.ask('OffsetForLeaderEpoch', { replicaId: -1, topics: [{ topic, partitions }] })
  const answer = topics[0]?.partitions[0]
  const errorCode = answer?.errorCode ?? ERROR_CODE.UNKNOWN_SERVER_ERROR
  if (answer === undefined || errorCode !== ERROR_CODE.NONE) {
    cluster.view.invalidate(topic, partition)
    throw refusal({
      api: 'OffsetForLeaderEpoch',
      subject: `${topic}-${partition}`,
      broker: link.broker,
      errorCode,
      details: { topic, partition },
    })
  }
  return { leaderEpoch: answer.leaderEpoch, endOffset: answer.endOffset }
}
