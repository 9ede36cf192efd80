import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ClusterView } from '../metadata/cluster-view.ts'
import { clientError } from '../errors.ts'
import { lateBatch, lateTopic } from './late.ts'
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
  assert.match(late(0, -1), /for t-0 .*\(it has no leader\)/)
  assert.match(late(0, 7), /its leader, broker 7, is not there/)
  assert.match(late(0, 1), /more is written than its broker takes/)
  assert.match(late(3, 1), /the topic has 1 partition\b/)
  assert.match(late(0, 1, new Error('the disk is full')), /the disk is full/)
  const ended = clientError('CLIENT_DISCONNECTED', { broker: 'h:1', api: 'Produce', problem: 'read ECONNRESET' })
  assert.match(late(0, 1, ended), /read ECONNRESET .*\(does its socket\.request\.max\.bytes allow such a request\?\)/)
})

void test('records of a topic that never became known say whether it is missing, or the cluster', () => {
  const missing = new ClusterView()
  const topic = {
    errorCode: 3,
    name: 'nope',
    topicId: new Uint8Array(16),
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: 0,
  }
  missing.apply(
    { throttleTimeMs: 0, brokers: [], clusterId: 'c', controllerId: 1, topics: [topic], clusterAuthorizedOperations: 0, errorCode: 0 },
    ['nope'],
  )
  const told = lateTopic('nope', 2, { view: missing, refreshProblem: undefined }, 1000).message
  assert.match(told, /2 records for topic nope were .*the cluster does not have it \(UNKNOWN_TOPIC_OR_PARTITION\)/)
  const refreshProblem = clientError('CLIENT_NO_BROKER', { brokers: 'h:1', problem: 'refused' })
  const unreached = lateTopic('nope', 1, { view: new ClusterView(), refreshProblem }, 1000).message
  assert.match(unreached, /None of the brokers h:1 answers/)
  assert.doesNotMatch(unreached, /UNKNOWN_TOPIC/)
})
