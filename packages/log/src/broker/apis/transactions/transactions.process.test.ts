// The APIs of transactions over a socket, in every version, as older and newer clients use them.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ERROR_CODE } from '../../../protocol/index.ts'
import { Log } from '../../log.ts'
import { createTopic } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'
import { addPartition, end, initProducer, readCommitted, write, type Producer } from './testing/transaction-client.ts'

let log: Log
let client: WireClient
let topicId: Uint8Array

before(async () => {
  const config = {
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '50',
    'add.partitions.to.txn.retry.backoff.max.ms': '2000',
  }
  log = await Log.start({ memory: true, config })
  client = await WireClient.connect(log)
  topicId = await createTopic(client, 't', {}, 4)
})

after(async () => {
  await client.close()
  await log.close()
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turns = 0; !(await holds()); turns++) {
    assert.ok(turns < 200, 'it does not come about')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function stateOf(transactionalId: string): Promise<string> {
  const { transactionStates } = await client.ask('DescribeTransactions', 0, { transactionalIds: [transactionalId] })
  return transactionStates[0]!.transactionState
}

test('the features in use tell clients of transaction version 2', async () => {
  const named = { clientSoftwareName: 'test', clientSoftwareVersion: '1' }
  for (const version of [3, 4]) {
    const { finalizedFeatures, finalizedFeaturesEpoch } = await client.ask('ApiVersions', version, named)
    assert.ok(finalizedFeaturesEpoch >= 0)
    assert.equal(finalizedFeatures.find(({ name }) => name === 'transaction.version')?.maxVersionLevel, 2)
  }
})

test('the coordinator is found, and its topic made, in every version', async () => {
  for (let version = 1; version <= 3; version++) {
    const found = await client.ask('FindCoordinator', version, { key: 'found', keyType: 1 })
    assert.deepEqual([found.errorCode, found.nodeId, found.port], [0, 1, log.port])
  }
  const { coordinators } = await client.ask('FindCoordinator', 4, { keyType: 1, coordinatorKeys: ['a', 'b'] })
  assert.deepEqual(
    coordinators.map(({ errorCode }) => errorCode),
    [0, 0],
  )
})

test('InitProducerId: each call gets the next epoch; what a producer says of itself is checked', async () => {
  for (let version = 0; version <= 5; version++) {
    const { errorCode, producerEpoch } = await client.ask('InitProducerId', version, {
      transactionalId: 'versions',
      transactionTimeoutMs: 1000,
    })
    assert.deepEqual([errorCode, producerEpoch], [0, version])
  }
  const { producerId, producerEpoch } = await initProducer(client, 'versions')
  const ask = async (version: number, epoch: number, timeoutMs = 1000): Promise<readonly [number, number]> => {
    const asked = { transactionalId: 'versions', transactionTimeoutMs: timeoutMs, producerId, producerEpoch: epoch }
    const reply = await client.ask('InitProducerId', version, asked)
    return [reply.errorCode, reply.producerEpoch]
  }
  assert.deepEqual(await ask(4, producerEpoch), [0, producerEpoch + 1])
  assert.deepEqual(await ask(4, producerEpoch), [0, producerEpoch + 1], 'the answer was lost')
  assert.deepEqual(await ask(3, producerEpoch - 1), [ERROR_CODE.INVALID_PRODUCER_EPOCH, -1])
  assert.deepEqual(await ask(4, producerEpoch - 1), [ERROR_CODE.PRODUCER_FENCED, -1])
  assert.deepEqual(await ask(4, -1), [ERROR_CODE.INVALID_REQUEST, -1])
  assert.deepEqual(await ask(5, producerEpoch + 1, 900_001), [ERROR_CODE.INVALID_TRANSACTION_TIMEOUT, -1])
  const empty = await client.ask('InitProducerId', 5, { transactionalId: '', transactionTimeoutMs: 1000 })
  assert.equal(empty.errorCode, ERROR_CODE.INVALID_REQUEST)
})

test('the older protocol: partitions added, written, committed or aborted, in every version of each API', async () => {
  const topic = 'older'
  await createTopic(client, topic)
  const expected: string[] = []
  let producer = await initProducer(client, 'older')
  let sequence = 0
  for (let version = 0; version <= 4; version++) {
    const isCommit = version % 2 === 0
    assert.equal(await addPartition(client, producer, topic, 0, Math.min(version, 3)), 0)
    assert.equal(await write(client, producer, topic, [`v${version}`], { version: 3 + version, sequence: sequence++ }), 0)
    const open = await readCommitted(client, topic)
    assert.deepEqual(open.values, expected)
    assert.ok(open.lastStableOffset < open.highWatermark)
    assert.equal((await end(client, producer, isCommit, version)).errorCode, 0)
    assert.equal((await end(client, producer, isCommit, version)).errorCode, 0, 'a repetition has the same answer')
    assert.equal((await end(client, producer, !isCommit, version)).errorCode, ERROR_CODE.INVALID_TXN_STATE)
    if (isCommit) expected.push(`v${version}`)
  }
  assert.deepEqual((await readCommitted(client, topic)).values, expected)
  const old = producer
  producer = await initProducer(client, 'older')
  assert.equal(producer.producerEpoch, old.producerEpoch + 1)
  assert.equal(await addPartition(client, old, topic, 0, 1), ERROR_CODE.INVALID_PRODUCER_EPOCH)
  assert.equal(await addPartition(client, old, topic, 0, 2), ERROR_CODE.PRODUCER_FENCED)
  assert.equal((await end(client, old, true, 1)).errorCode, ERROR_CODE.INVALID_PRODUCER_EPOCH)
  assert.equal((await end(client, old, true, 2)).errorCode, ERROR_CODE.PRODUCER_FENCED)
  assert.equal((await end(client, { ...old, producerId: 77 }, true, 2)).errorCode, ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
})

test('the newer protocol: writes add their partitions, and each end brings the next epoch', async () => {
  let producer = await initProducer(client, 'newer')
  const expected: string[] = []
  for (const [index, isCommit] of [true, false, true, true].entries()) {
    for (const partition of [1, 2]) {
      const version = partition === 1 ? 12 : 13
      assert.equal(await write(client, producer, 't', [`n${index}`, `m${index}`], { partition, version, topicId }), 0)
      assert.equal(await write(client, producer, 't', [`o${index}`], { partition, version, topicId, sequence: 2 }), 0)
    }
    const ended = await end(client, producer, isCommit)
    assert.deepEqual([ended.errorCode, ended.producerEpoch], [0, producer.producerEpoch + 1])
    const again = await end(client, producer, isCommit)
    assert.deepEqual([again.errorCode, again.producerId, again.producerEpoch], [0, ended.producerId, ended.producerEpoch])
    producer = { ...producer, producerId: ended.producerId, producerEpoch: ended.producerEpoch }
    if (isCommit) expected.push(`n${index}`, `m${index}`, `o${index}`)
  }
  await until(async () => (await stateOf('newer')) === 'CompleteCommit')
  for (const partition of [1, 2]) assert.deepEqual((await readCommitted(client, 't', partition)).values, expected)
  const nothing = await end(client, producer, false)
  assert.deepEqual([nothing.errorCode, nothing.producerEpoch], [0, producer.producerEpoch + 1])
  assert.equal((await end(client, { ...producer, producerEpoch: nothing.producerEpoch }, true)).errorCode, ERROR_CODE.INVALID_TXN_STATE)
})

test('a batch is refused that nobody would ever end: who has not added the partition, who is fenced, who has no id', async () => {
  const producer = await initProducer(client, 'verified')
  const codes = async (version: number): Promise<number> => await write(client, producer, 't', ['x'], { version, partition: 3 })
  assert.equal(await codes(10), ERROR_CODE.INVALID_TXN_STATE)
  assert.equal(await codes(11), ERROR_CODE.TRANSACTION_ABORTABLE)
  assert.equal(await write(client, { ...producer, producerId: 4711 }, 't', ['x'], { partition: 3 }), ERROR_CODE.INVALID_PRODUCER_ID_MAPPING)
  await initProducer(client, 'verified')
  assert.equal(await write(client, producer, 't', ['x'], { partition: 3 }), ERROR_CODE.INVALID_PRODUCER_EPOCH)
  assert.deepEqual((await readCommitted(client, 't', 3)).highWatermark, 0)
})

test('a producer that comes new has the transaction of the one before aborted', async () => {
  const topic = 'taken-over'
  await createTopic(client, topic)
  const old = await initProducer(client, 'taken')
  assert.equal(await write(client, old, topic, ['old']), 0)
  const young = await initProducer(client, 'taken')
  assert.equal(await write(client, old, topic, ['zombie'], { sequence: 1 }), ERROR_CODE.INVALID_PRODUCER_EPOCH)
  assert.equal((await end(client, old, true)).errorCode, ERROR_CODE.PRODUCER_FENCED)
  assert.equal(await write(client, young, topic, ['young']), 0)
  assert.equal((await end(client, young, true)).errorCode, 0)
  await until(async () => (await stateOf('taken')) === 'CompleteCommit')
  assert.deepEqual((await readCommitted(client, topic)).values, ['young'])
})

test('a transaction that takes too long is aborted', async () => {
  const topic = 'slow'
  await createTopic(client, topic)
  // Too long for a client that never ends it, long enough for two requests to a machine that has much to do.
  const producer = await initProducer(client, 'slow', 1500)
  assert.equal(await write(client, producer, topic, ['late']), 0)
  await until(async () => (await stateOf('slow')) === 'CompleteAbort')
  const { values, lastStableOffset, highWatermark } = await readCommitted(client, topic)
  assert.deepEqual([values, lastStableOffset], [[], highWatermark])
  assert.equal(await write(client, producer, topic, ['late'], { sequence: 1 }), ERROR_CODE.INVALID_PRODUCER_EPOCH)
  assert.equal((await end(client, producer, true)).errorCode, ERROR_CODE.INVALID_TXN_STATE)
  const aborted = await end(client, producer, false)
  assert.deepEqual([aborted.errorCode, aborted.producerEpoch], [0, 1])
  assert.equal(await write(client, { ...producer, producerEpoch: 1 }, topic, ['in time']), 0)
  assert.equal((await end(client, { ...producer, producerEpoch: 1 }, true)).errorCode, 0)
})

async function commitOffset(producer: Producer, offset: number, version: number): Promise<number> {
  const partitions = [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }]
  const { topics } = await client.ask('TxnOffsetCommit', version, { ...producer, groupId: 'g', topics: [{ name: 't', partitions }] })
  return topics[0]!.partitions[0]!.errorCode
}

async function committedOffset(requireStable = false): Promise<readonly [offset: number, errorCode: number]> {
  const { groups } = await client.ask('OffsetFetch', 8, {
    groups: [{ groupId: 'g', topics: [{ name: 't', partitionIndexes: [0] }] }],
    requireStable,
  })
  const { committedOffset: offset, errorCode } = groups[0]!.topics[0]!.partitions[0]!
  return [offset, errorCode]
}

test('offsets of groups hold once the transaction is committed, in every version', async () => {
  await client.ask('FindCoordinator', 1, { key: 'g', keyType: 0 })
  let producer = await initProducer(client, 'offsets')
  let held = -1
  for (let version = 0; version <= 4; version++) {
    const { transactionalId, producerId, producerEpoch } = producer
    const added = await client.ask('AddOffsetsToTxn', Math.min(version, 4), { transactionalId, producerId, producerEpoch, groupId: 'g' })
    assert.equal(added.errorCode, 0)
    assert.equal(await commitOffset(producer, version, version), 0)
    assert.deepEqual(await committedOffset(), [held, 0])
    assert.deepEqual((await committedOffset(true))[1], ERROR_CODE.UNSTABLE_OFFSET_COMMIT)
    assert.equal((await end(client, producer, version % 2 === 0, 3)).errorCode, 0)
    await until(async () => (await stateOf('offsets')).startsWith('Complete'))
    if (version % 2 === 0) held = version
    assert.deepEqual(await committedOffset(true), [held, 0])
  }
  assert.equal(await commitOffset(producer, 9, 3), ERROR_CODE.INVALID_TXN_STATE)
  assert.equal(await commitOffset(producer, 9, 4), ERROR_CODE.TRANSACTION_ABORTABLE)
  assert.equal(await commitOffset(producer, 10, 5), 0)
  const ended = await end(client, producer, true)
  assert.equal(await commitOffset(producer, 11, 5), ERROR_CODE.INVALID_PRODUCER_EPOCH)
  producer = { ...producer, producerEpoch: ended.producerEpoch }
  assert.equal(await commitOffset(producer, 12, 5), 0)
  assert.equal((await end(client, producer, false)).errorCode, 0)
  await until(async () => (await stateOf('offsets')) === 'CompleteAbort')
  assert.deepEqual(await committedOffset(true), [10, 0])
})

test('brokers add and verify partitions of many transactions at once', async () => {
  const producer = await initProducer(client, 'batched')
  const topics = [{ name: 't', partitions: [0, 1] }]
  for (const version of [4, 5]) {
    const ask = async (changes: object): Promise<readonly number[]> => {
      const transactions = [{ ...producer, verifyOnly: true, topics, ...changes }]
      const { errorCode, resultsByTransaction } = await client.ask('AddPartitionsToTxn', version, { transactions })
      assert.equal(errorCode, 0)
      return resultsByTransaction[0]!.topicResults.flatMap(({ resultsByPartition }) =>
        resultsByPartition.map(({ partitionErrorCode }) => partitionErrorCode),
      )
    }
    if (version === 4) assert.deepEqual(await ask({}), [ERROR_CODE.TRANSACTION_ABORTABLE, ERROR_CODE.TRANSACTION_ABORTABLE])
    assert.deepEqual(await ask({ verifyOnly: false }), [0, 0])
    assert.deepEqual(await ask({}), [0, 0])
    const missing = [{ name: 't', partitions: [0, 9] }]
    assert.deepEqual(await ask({ topics: missing }), [ERROR_CODE.OPERATION_NOT_ATTEMPTED, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION])
    assert.deepEqual(await ask({ producerEpoch: 9 }), [ERROR_CODE.PRODUCER_FENCED, ERROR_CODE.PRODUCER_FENCED])
  }
  assert.equal((await end(client, producer, false)).errorCode, 0)
})

test('markers of an administrator end what hangs, in every version; what comes late is refused', async () => {
  const topic = 'markers'
  await createTopic(client, topic)
  const producer = await initProducer(client, 'markers')
  const mark = async (version: number, changes: object = {}): Promise<number> => {
    const marker = {
      ...producer,
      transactionResult: false,
      coordinatorEpoch: 0,
      topics: [{ name: topic, partitionIndexes: [0] }],
      ...changes,
    }
    const { markers } = await client.ask('WriteTxnMarkers', version, { markers: [marker] })
    return markers[0]!.topics[0]!.partitions[0]!.errorCode
  }
  for (let version = 0; version <= 2; version++) {
    assert.equal(await write(client, producer, topic, ['hangs'], { sequence: version }), 0)
    assert.ok((await readCommitted(client, topic)).lastStableOffset < version * 2 + 1)
    assert.equal(await mark(version), 0)
    assert.deepEqual(await readCommitted(client, topic), { values: [], lastStableOffset: version * 2 + 2, highWatermark: version * 2 + 2 })
  }
  assert.equal(await write(client, producer, topic, ['open'], { sequence: 3 }), 0)
  assert.equal(
    await mark(2, { transactionVersion: 2 }),
    ERROR_CODE.INVALID_PRODUCER_EPOCH,
    'a marker of its own epoch is one of the transaction before',
  )
  assert.equal(await mark(2, { coordinatorEpoch: -1 }), ERROR_CODE.TRANSACTION_COORDINATOR_FENCED)
  assert.equal(await mark(2, { topics: [{ name: topic, partitionIndexes: [7] }] }), ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal((await end(client, producer, true)).errorCode, 0)
  await until(async () => (await readCommitted(client, topic)).values.length === 1)
  assert.equal(await mark(2), ERROR_CODE.INVALID_PRODUCER_EPOCH)
})

test('a transaction ends although one of its topics has been deleted', async () => {
  const gone = await createTopic(client, 'gone')
  const producer = await initProducer(client, 'deleted')
  assert.equal(await write(client, producer, 'gone', ['x']), 0)
  assert.equal(await write(client, producer, 't', ['stays']), 0)
  await client.ask('DeleteTopics', 6, { topics: [{ name: null, topicId: gone }], timeoutMs: 1000 })
  assert.equal((await end(client, producer, true)).errorCode, 0)
  await until(async () => (await stateOf('deleted')) === 'CompleteCommit')
  assert.ok((await readCommitted(client, 't')).values.includes('stays'))
})

test('a topic that is made again in the middle of a transaction takes none of the rest of it', async () => {
  const before = await createTopic(client, 'again')
  const producer = await initProducer(client, 'again')
  assert.equal(await write(client, producer, 'again', ['a']), ERROR_CODE.NONE)
  await client.ask('DeleteTopics', 6, { topics: [{ name: null, topicId: before }], timeoutMs: 1000 })
  await createTopic(client, 'again')
  assert.equal(await write(client, producer, 'again', ['b'], { sequence: 1 }), ERROR_CODE.OUT_OF_ORDER_SEQUENCE_NUMBER)
  assert.equal((await end(client, producer, false)).errorCode, ERROR_CODE.NONE)
  assert.deepEqual((await readCommitted(client, 'again')).values, [])
})

test('transactions and producers are listed and described', async () => {
  const producer = await initProducer(client, 'listed-1')
  assert.equal(await write(client, producer, 't', ['open']), 0)
  await initProducer(client, 'listed-2')
  const list = async (version: number, filters: object): Promise<readonly string[]> => {
    const { errorCode, transactionStates } = await client.ask('ListTransactions', version, {
      stateFilters: [],
      producerIdFilters: [],
      ...filters,
    })
    assert.equal(errorCode, 0)
    return transactionStates.map(({ transactionalId }) => transactionalId).filter((id) => id.startsWith('listed'))
  }
  assert.deepEqual(
    (await list(0, {})).toSorted((left, right) => left.localeCompare(right)),
    ['listed-1', 'listed-2'],
  )
  assert.deepEqual(await list(0, { stateFilters: ['Ongoing'] }), ['listed-1'])
  assert.deepEqual(await list(0, { producerIdFilters: [producer.producerId] }), ['listed-1'])
  assert.deepEqual(await list(1, { stateFilters: ['Ongoing'], durationFilter: 60_000 }), [])
  assert.deepEqual(await list(2, { transactionalIdPattern: 'listed-[2-9]' }), ['listed-2'])
  assert.deepEqual(await list(2, { transactionalIdPattern: 'listed' }), [], 'the whole id has to match')
  const wrong = await client.ask('ListTransactions', 2, { stateFilters: [], producerIdFilters: [], transactionalIdPattern: '(' })
  assert.equal(wrong.errorCode, ERROR_CODE.INVALID_REGULAR_EXPRESSION)
  const unknown = await client.ask('ListTransactions', 0, { stateFilters: ['Odd'], producerIdFilters: [] })
  assert.deepEqual([unknown.unknownStateFilters, unknown.transactionStates], [['Odd'], []])

  const { transactionStates } = await client.ask('DescribeTransactions', 0, { transactionalIds: ['listed-1', 'nobody', ''] })
  const [described, missing, invalid] = transactionStates
  assert.deepEqual([described!.transactionState, described!.topics], ['Ongoing', [{ topic: 't', partitions: [0] }]])
  assert.equal(missing!.errorCode, ERROR_CODE.TRANSACTIONAL_ID_NOT_FOUND)
  assert.equal(invalid!.errorCode, ERROR_CODE.INVALID_REQUEST)
  const { topics } = await client.ask('DescribeProducers', 0, { topics: [{ name: 't', partitionIndexes: [0, 9] }] })
  const [partition, none] = topics[0]!.partitions
  const entry = partition!.activeProducers.find(({ producerId }) => producerId === producer.producerId)
  assert.ok(entry !== undefined && entry.currentTxnStartOffset >= 0)
  assert.equal(none!.errorCode, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION)
  assert.equal((await end(client, producer, false)).errorCode, 0)
})

test('requests of one producer on the same connection keep their order while its partition is being added', async () => {
  const topic = 'pipelined'
  await createTopic(client, topic)
  let producer = await initProducer(client, 'pipelined')
  const expected: string[] = []
  for (let round = 0; round < 5; round++) {
    const values = Array.from({ length: 5 }, (_, index) => `r${round}-${index}`)
    const codes = await Promise.all(values.map((value, sequence) => write(client, producer, topic, [value], { sequence })))
    assert.deepEqual(codes, [0, 0, 0, 0, 0])
    expected.push(...values)
    producer = { ...producer, producerEpoch: (await end(client, producer, true)).producerEpoch }
  }
  await until(async () => (await stateOf('pipelined')) === 'CompleteCommit')
  assert.deepEqual((await readCommitted(client, topic)).values, expected)
})
