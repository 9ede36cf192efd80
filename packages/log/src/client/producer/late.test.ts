import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterView } from '../metadata/cluster-view.ts'
import { lateBatch } from './late.ts'
import { PendingBatch } from './pending-batch.ts'

function view(leaderId: number): ClusterView {
  const partition = { errorCode: 0, partitionIndex: 0, leaderId, leaderEpoch: 1, replicaNodes: [1], isrNodes: [1], offlineReplicas: [] }
  const topic = {
    errorCode: 0,
    name: 't',
    topicId: new Uint8Array(16).fill(1),
    isInternal: false,
    partitions: [partition],
    topicAuthorizedOperations: 0,
  }
  const made = new ClusterView()
  const brokers = [{ nodeId: 1, host: 'h', port: 9001, rack: null }]
  made.apply(
    { throttleTimeMs: 0, brokers, clusterId: 'c', controllerId: 1, topics: [topic], clusterAuthorizedOperations: 0, errorCode: 0 },
    ['t'],
  )
  return made
}

function late(partition: number, leaderId: number, lastError?: Error): string {
  const batch = new PendingBatch('t', partition, 0, 0, {})
  batch.append({ key: null, value: Buffer.from('v'), timestamp: 1 }, undefined)
  batch.lastError = lastError
  return lateBatch(batch, view(leaderId), 1000).message
}

void test('records whose time has run out say what kept them', () => {
  assert.match(late(0, -1), /the partition has no leader that answers/)
  assert.match(late(0, 1), /more is written than its broker takes/)
  assert.match(late(3, 1), /the topic has 1 partition\b/)
  assert.match(late(0, 1, new Error('the disk is full')), /the disk is full/)
})
