import type { TopicRegistration } from '../../../controller/index.ts'
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { Partition } from '../../topics/partition.ts'

/** A partition as clients are told of it. */
export interface DescribedPartition {
  readonly errorCode: number
  readonly partitionIndex: number
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: number[]
  readonly isrNodes: number[]
  readonly offlineReplicas: number[]
}

/** One whose log has failed has no leader: its only replica is offline. */
export function describedPartition(
  { replicas, state }: TopicRegistration['partitions'][number],
  partitionIndex: number,
  partition: Partition | undefined,
): DescribedPartition {
  const isOffline = partition?.offline !== undefined
  const hasLeader = state !== undefined && !isOffline
  return {
    errorCode: hasLeader ? ERROR_CODE.NONE : ERROR_CODE.LEADER_NOT_AVAILABLE,
    partitionIndex,
    leaderId: hasLeader ? state.leader : -1,
    leaderEpoch: state?.leaderEpoch ?? -1,
    replicaNodes: [...replicas],
    isrNodes: [...(state?.isr ?? [])],
    offlineReplicas: isOffline ? [...replicas] : [],
  }
}
