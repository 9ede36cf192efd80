/** Every API that is served, each in its file. ApiVersions tells of these and no other. */
import { serve, type ServedHandler } from '../dispatcher.ts'
import { apiVersions } from './api-versions.ts'
import { alterConfigs, incrementalAlterConfigs } from './admin/alter-configs.ts'
import { alterReplicaLogDirs } from './admin/alter-replica-log-dirs.ts'
import { createPartitions } from './admin/create-partitions.ts'
import { createTopics } from './admin/create-topics.ts'
import { deleteRecords } from './admin/delete-records.ts'
import { deleteTopics } from './admin/delete-topics.ts'
import { fetch } from './data/fetch.ts'
import { consumerGroupDescribe } from './groups/consumer-group-describe.ts'
import { consumerGroupHeartbeat } from './groups/consumer-group-heartbeat.ts'
import { deleteGroups } from './groups/delete-groups.ts'
import { describeGroups } from './groups/describe-groups.ts'
import { findCoordinator } from './groups/find-coordinator.ts'
import { heartbeat } from './groups/heartbeat.ts'
import { joinGroup } from './groups/join-group.ts'
import { leaveGroup } from './groups/leave-group.ts'
import { listGroups } from './groups/list-groups.ts'
import { offsetCommit } from './groups/offset-commit.ts'
import { offsetDelete } from './groups/offset-delete.ts'
import { offsetFetch } from './groups/offset-fetch.ts'
import { syncGroup } from './groups/sync-group.ts'
import { listOffsets } from './data/list-offsets.ts'
import { offsetForLeaderEpoch } from './data/offset-for-leader-epoch.ts'
import { describeCluster } from './admin/describe-cluster.ts'
import { describeConfigs } from './admin/describe-configs.ts'
import { describeLogDirs } from './admin/describe-log-dirs.ts'
import { describeQuorum } from './admin/describe-quorum.ts'
import { describeTopicPartitions } from './admin/describe-topic-partitions.ts'
import { electLeaders } from './admin/elect-leaders.ts'
import { listConfigResources } from './admin/list-config-resources.ts'
import { metadata } from './admin/metadata.ts'
import { alterPartitionReassignments, listPartitionReassignments } from './admin/partition-reassignments.ts'
import { updateFeatures } from './admin/update-features.ts'
import { produce } from './data/produce.ts'
import { alterClientQuotas } from './security/alter-client-quotas.ts'
import { alterUserScramCredentials } from './security/alter-user-scram-credentials.ts'
import { createAcls } from './security/create-acls.ts'
import { deleteAcls } from './security/delete-acls.ts'
import { describeAcls } from './security/describe-acls.ts'
import { describeClientQuotas } from './security/describe-client-quotas.ts'
import { describeUserScramCredentials } from './security/describe-user-scram-credentials.ts'
import { saslAuthenticate } from './security/sasl-authenticate.ts'
import { saslHandshake } from './security/sasl-handshake.ts'
import { addOffsetsToTxn } from './transactions/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from './transactions/add-partitions-to-txn.ts'
import { describeProducers } from './transactions/describe-producers.ts'
import { describeTransactions } from './transactions/describe-transactions.ts'
import { endTxn } from './transactions/end-txn.ts'
import { initProducerId } from './transactions/init-producer-id.ts'
import { listTransactions } from './transactions/list-transactions.ts'
import { txnOffsetCommit } from './transactions/txn-offset-commit.ts'
import { writeTxnMarkers } from './transactions/write-txn-markers.ts'

export const HANDLERS: readonly ServedHandler[] = [
  serve(produce),
  serve(fetch),
  serve(listOffsets),
  serve(offsetForLeaderEpoch),
  serve(metadata),
  serve(apiVersions),
  serve(createTopics),
  serve(deleteTopics),
  serve(createPartitions),
  serve(deleteRecords),
  serve(describeTopicPartitions),
  serve(describeConfigs),
  serve(alterConfigs),
  serve(incrementalAlterConfigs),
  serve(listConfigResources),
  serve(describeLogDirs),
  serve(alterReplicaLogDirs),
  serve(describeCluster),
  serve(describeQuorum),
  serve(updateFeatures),
  serve(electLeaders),
  serve(alterPartitionReassignments),
  serve(listPartitionReassignments),
  serve(initProducerId),
  serve(addPartitionsToTxn),
  serve(addOffsetsToTxn),
  serve(txnOffsetCommit),
  serve(endTxn),
  serve(writeTxnMarkers),
  serve(describeTransactions),
  serve(listTransactions),
  serve(describeProducers),
  serve(findCoordinator),
  serve(joinGroup),
  serve(syncGroup),
  serve(heartbeat),
  serve(leaveGroup),
  serve(describeGroups),
  serve(listGroups),
  serve(deleteGroups),
  serve(offsetCommit),
  serve(offsetFetch),
  serve(offsetDelete),
  serve(consumerGroupHeartbeat),
  serve(consumerGroupDescribe),
  serve(saslHandshake),
  serve(saslAuthenticate),
  serve(describeAcls),
  serve(createAcls),
  serve(deleteAcls),
  serve(describeUserScramCredentials),
  serve(alterUserScramCredentials),
  serve(describeClientQuotas),
  serve(alterClientQuotas),
]
