import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODE, type ApiResponse } from '../../protocol/index.ts'
import { ClusterView } from './cluster-view.ts'

const brokers = [1, 2].map((nodeId) => ({ nodeId, host: 'h', port: 9000 + nodeId, rack: null }))

function answer(leader: number, leaderEpoch: number, { id = 1, errorCode = 0, name = 't' } = {}): ApiResponse<'Metadata'> {
  const partition = {
    errorCode: 0,
    partitionIndex: 0,
    leaderId: leader,
    leaderEpoch,
    replicaNodes: [1, 2],
    isrNodes: [1],
    offlineReplicas: [],
  }
  const topic = {
    errorCode,
    name,
    topicId: new Uint8Array(16).fill(id),
    isInternal: false,
    partitions: [partition],
    topicAuthorizedOperations: 0,
  }
  return { throttleTimeMs: 0, brokers, clusterId: 'c', controllerId: 1, topics: [topic], clusterAuthorizedOperations: 0, errorCode: 0 }
}

void test('an older leader does not replace a newer one, but does in a topic that was made again', () => {
  const view = new ClusterView()
  view.apply(answer(1, 5), ['t'])
  view.apply(answer(2, 4), ['t'])
  assert.equal(view.leaderOf('t', 0), 1)
  view.apply(answer(2, 6), ['t'])
  assert.equal(view.leaderOf('t', 0), 2)
  view.apply(answer(1, 0, { id: 2 }), ['t'])
  assert.equal(view.leaderOf('t', 0), 1)
  assert.equal(view.nameOf(new Uint8Array(16).fill(2)), 't')
  assert.equal(view.nameOf(new Uint8Array(16).fill(1)), undefined)
})

void test('a partition that was found to have moved has no leader until the next answer', () => {
  const view = new ClusterView()
  view.apply(answer(1, 5), ['t'])
  view.invalidate('t', 0)
  assert.deepEqual([view.leaderOf('t', 0), view.isStale('t')], [undefined, true])
  view.apply(answer(1, 5), ['t'])
  assert.deepEqual([view.leaderOf('t', 0), view.isStale('t')], [1, false])
})

void test('an answer that names the new leader is believed where it is newer and known', () => {
  const view = new ClusterView()
  view.apply(answer(1, 5), ['t'])
  view.invalidate('t', 0)
  assert.equal(view.moveLeader('t', 0, 2, 5), false)
  assert.equal(view.moveLeader('t', 0, 9, 6), false)
  assert.equal(view.moveLeader('t', 0, 2, 6), true)
  assert.equal(view.leaderOf('t', 0), 2)
})

void test('topics go with an error, and with an answer about all that leaves them out', () => {
  const view = new ClusterView()
  view.apply(answer(1, 5), ['t'])
  view.apply(answer(1, 5, { name: 'u' }), ['u'])
  assert.notEqual(view.topic('t'), undefined)
  view.apply(answer(1, 5, { errorCode: ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION }), ['t'])
  assert.deepEqual([view.topic('t'), view.problem('t')?.errorCode], [undefined, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION])
  view.apply(answer(1, 5), null)
  assert.equal(view.topic('u'), undefined)
})

void test('no leader and an unknown node are no leader', () => {
  const view = new ClusterView()
  view.apply(answer(-1, 5), ['t'])
  assert.equal(view.leaderOf('t', 0), undefined)
  view.apply(answer(7, 6), ['t'])
  assert.equal(view.leaderOf('t', 0), undefined)
  assert.equal(view.leaderOf('t', 1), undefined)
})
