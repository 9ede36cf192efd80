// Who may not is refused before anything is looked at: by the resource that Kafka asks for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { RequestContext } from '../../handler.ts'
import { addOffsetsToTxn } from './add-offsets-to-txn.ts'
import { addPartitionsToTxn } from './add-partitions-to-txn.ts'
import { describeProducers } from './describe-producers.ts'
import { describeTransactions } from './describe-transactions.ts'
import { endTxn } from './end-txn.ts'
import { initProducerId } from './init-producer-id.ts'
import { txnOffsetCommit } from './txn-offset-commit.ts'
import { writeTxnMarkers } from './write-txn-markers.ts'

/** A client who may do everything but these; and what it was asked for. */
function without(version: number, ...denied: readonly string[]): { readonly context: RequestContext; readonly asked: string[] } {
  const asked: string[] = []
  const allows = (operation: string, resource: string, name: string): boolean => {
    asked.push(`${operation} ${resource} ${name}`)
    return !denied.includes(`${operation} ${resource}`)
  }
  const allowsSome = (operation: string, resource: string): boolean => allows(operation, resource, '*')
  return { context: { version, allows, allowsSome } as unknown as RequestContext, asked }
}

const PRODUCER = { transactionalId: 'id', producerId: 1, producerEpoch: 0 }
const TOPICS = [{ name: 't', partitions: [0] }]

test('InitProducerId: Write on the transactional id; IdempotentWrite on the cluster, or Write on some topic, without one', async () => {
  const asked = { transactionTimeoutMs: 1, producerId: -1, producerEpoch: -1 }
  const refused = await initProducerId.handle({ ...asked, transactionalId: 'id' }, without(5, 'Write TransactionalId').context)
  assert.equal((refused as { errorCode: number }).errorCode, ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  const { context, asked: questions } = without(5, 'IdempotentWrite Cluster', 'Write Topic')
  const idempotent = await initProducerId.handle({ ...asked, transactionalId: null }, context)
  assert.equal((idempotent as { errorCode: number }).errorCode, ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED)
  assert.deepEqual(questions, ['IdempotentWrite Cluster kafka-cluster', 'Write Topic *'])
})

test('AddPartitionsToTxn: Write on id and topics of clients, ClusterAction of brokers', async () => {
  const old = {
    transactions: [],
    v3AndBelowTransactionalId: 'id',
    v3AndBelowProducerId: 1,
    v3AndBelowProducerEpoch: 0,
    v3AndBelowTopics: [...TOPICS, { name: 'u', partitions: [1] }],
  }
  const codes = async (...denied: string[]): Promise<unknown> => await addPartitionsToTxn.handle(old, without(3, ...denied).context)
  const result = (code: number): unknown => [
    { name: 't', resultsByPartition: [{ partitionIndex: 0, partitionErrorCode: code }] },
    { name: 'u', resultsByPartition: [{ partitionIndex: 1, partitionErrorCode: code }] },
  ]
  assert.deepEqual(await codes('Write TransactionalId'), {
    throttleTimeMs: 0,
    resultsByTopicV3AndBelow: result(ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
  })
  assert.deepEqual(await codes('Write Topic'), {
    throttleTimeMs: 0,
    resultsByTopicV3AndBelow: result(ERROR_CODE.TOPIC_AUTHORIZATION_FAILED),
  })
  const batched = await addPartitionsToTxn.handle(
    { ...old, transactions: [{ ...PRODUCER, verifyOnly: true, topics: TOPICS }] },
    without(5, 'ClusterAction Cluster').context,
  )
  assert.deepEqual(batched, { throttleTimeMs: 0, errorCode: ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED })
})

test('EndTxn, AddOffsetsToTxn, TxnOffsetCommit: Write on the transactional id, Read on the group', async () => {
  assert.deepEqual(await endTxn.handle({ ...PRODUCER, committed: true }, without(5, 'Write TransactionalId').context), {
    throttleTimeMs: 0,
    errorCode: ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
  })
  const refusals = [
    ['Write TransactionalId', ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED],
    ['Read Group', ERROR_CODE.GROUP_AUTHORIZATION_FAILED],
  ] as const
  for (const [denied, errorCode] of refusals) {
    const added = await addOffsetsToTxn.handle({ ...PRODUCER, groupId: 'g' }, without(4, denied).context)
    assert.deepEqual(added, { throttleTimeMs: 0, errorCode })
    const partition = { partitionIndex: 0, committedOffset: 1, committedLeaderEpoch: -1, committedMetadata: null }
    const request = {
      ...PRODUCER,
      groupId: 'g',
      generationId: -1,
      memberId: '',
      groupInstanceId: null,
      topics: [{ name: 't', partitions: [partition] }],
    }
    const committed = await txnOffsetCommit.handle(request, without(5, denied).context)
    assert.deepEqual(committed, { throttleTimeMs: 0, topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode }] }] })
  }
})

test('WriteTxnMarkers: Alter or ClusterAction on the cluster', async () => {
  const topics = [{ name: 't', partitionIndexes: [0] }]
  const markers = [{ producerId: 1, producerEpoch: 0, transactionResult: true, coordinatorEpoch: 0, transactionVersion: 0, topics }]
  const { context, asked } = without(1, 'Alter Cluster', 'ClusterAction Cluster')
  const errorCode = ERROR_CODE.CLUSTER_AUTHORIZATION_FAILED
  assert.deepEqual(await writeTxnMarkers.handle({ markers }, context), {
    markers: [{ producerId: 1, topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode }] }] }],
  })
  assert.equal(asked.length, 2)
})

test('DescribeTransactions and DescribeProducers: Describe on the transactional id, Read on the topic', async () => {
  const described = await describeTransactions.handle({ transactionalIds: ['id'] }, without(0, 'Describe TransactionalId').context)
  const [state] = (described as { transactionStates: readonly { errorCode: number }[] }).transactionStates
  assert.equal(state!.errorCode, ERROR_CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  const producers = await describeProducers.handle({ topics: [{ name: 't', partitionIndexes: [0] }] }, without(0, 'Read Topic').context)
  const errorCode = ERROR_CODE.TOPIC_AUTHORIZATION_FAILED
  assert.deepEqual(producers, {
    throttleTimeMs: 0,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, errorCode, activeProducers: [] }] }],
  })
})
