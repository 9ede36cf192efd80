import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ERROR_CODE, type ApiResponse } from '../../../protocol/index.ts'
import { batches, records } from '../../../records/index.ts'
import { Log } from '../../log.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from '../../testing/requests.ts'
import { WireClient } from '../../testing/wire-client.ts'

const NO_ID = new Uint8Array(16)
let log: Log
let client: WireClient

before(async () => {
  log = await Log.start({ memory: true })
  client = await WireClient.connect(log)
})

after(async () => {
  await client.close()
  await log.close()
})

type Wanted = {
  readonly topic?: string
  readonly topicId?: Uint8Array
  readonly partition?: number
  readonly offset?: number
  readonly maxBytes?: number
}

interface Options {
  readonly version?: number
  readonly sessionId?: number
  readonly sessionEpoch?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly isolationLevel?: number
  readonly lastFetchedEpoch?: number
  readonly currentLeaderEpoch?: number
  readonly forgotten?: readonly number[]
}

function fetch(topic: string, wanted: readonly Wanted[], options: Options = {}): Promise<ApiResponse<'Fetch'>> {
  const { forgotten = [], lastFetchedEpoch = -1, currentLeaderEpoch = -1, version = 12, ...rest } = options
  return client.ask('Fetch', version, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 24,
    ...rest,
    topics: wanted.map(({ topic: name = topic, topicId = NO_ID, partition = 0, offset = 0, maxBytes = 1 << 24 }) => ({
      topic: name,
      topicId,
      partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: maxBytes, lastFetchedEpoch, currentLeaderEpoch }],
    })),
    forgottenTopicsData: forgotten.length === 0 ? [] : [{ topic, partitions: forgotten }],
  })
}

function told({ responses }: ApiResponse<'Fetch'>): (readonly [topic: string, partition: number, values: string[]])[] {
  return responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partitionIndex, records: bytes }) => {
      const values = [...batches(bytes!)].flatMap((batch) => [...records(batch)].map(({ value }) => Buffer.from(value!).toString()))
      return [topic, partitionIndex, values] as const
    }),
  )
}

test('a session tells in full, then what is new; it forgets, and it ends', async () => {
  await createTopic(client, 's', {}, 3)
  for (const partition of [0, 1]) await produceTo(client, 's', batchOf([`p${partition}`]), { partition })
  const full = await fetch('s', [{ partition: 0 }, { partition: 1 }, { partition: 2 }], { sessionId: 0, sessionEpoch: 0 })
  assert.deepEqual(told(full), [
    ['s', 0, ['p0']],
    ['s', 1, ['p1']],
    ['s', 2, []],
  ])
  const { sessionId } = full
  assert.ok(sessionId > 0)
  const next = await fetch(
    's',
    [
      { partition: 0, offset: 1 },
      { partition: 1, offset: 1 },
    ],
    { sessionId, sessionEpoch: 1 },
  )
  assert.deepEqual([next.sessionId, told(next)], [sessionId, []])
  await produceTo(client, 's', batchOf(['more']), { partition: 2 })
  assert.deepEqual(told(await fetch('s', [], { sessionId, sessionEpoch: 2 })), [['s', 2, ['more']]])
  const after = await fetch('s', [{ partition: 2, offset: 1 }], { sessionId, sessionEpoch: 3, forgotten: [0] })
  assert.deepEqual(told(after), [])
  await produceTo(client, 's', batchOf(['unseen']), { partition: 0 })
  assert.deepEqual(told(await fetch('s', [], { sessionId, sessionEpoch: 4 })), [])
  assert.equal((await fetch('s', [], { sessionId, sessionEpoch: 4 })).errorCode, ERROR_CODE.INVALID_FETCH_SESSION_EPOCH)
  assert.equal((await fetch('s', [{}], { sessionId, sessionEpoch: -1 })).sessionId, 0)
  assert.equal((await fetch('s', [], { sessionId, sessionEpoch: 5 })).errorCode, ERROR_CODE.FETCH_SESSION_ID_NOT_FOUND)
})

test('an incremental poll is woken by any of its partitions, once for all that a turn brings', async () => {
  await createTopic(client, 'w', {}, 20)
  const wanted = Array.from({ length: 20 }, (_, partition) => ({ partition }))
  const { sessionId } = await fetch('w', wanted, { sessionId: 0, sessionEpoch: 0 })
  const since = performance.now()
  const poll = fetch('w', [], { sessionId, sessionEpoch: 1, maxWaitMs: 5000 })
  await new Promise((resolve) => setTimeout(resolve, 20))
  const producer = await WireClient.connect(log)
  const partitionData = [3, 7, 11].map((index) => ({ index, records: batchOf([String(index)]) }))
  await producer.ask('Produce', 9, { acks: 1, timeoutMs: 1, topicData: [{ name: 'w', partitionData }] })
  assert.deepEqual(
    told(await poll).map(([, partition, values]) => [partition, ...values]),
    [
      [3, '3'],
      [7, '7'],
      [11, '11'],
    ],
  )
  assert.ok(performance.now() - since < 4_500)
  await producer.close()
})

test('min bytes are waited for, up to the time given; more that comes meanwhile counts', async () => {
  await createTopic(client, 'min')
  await produceTo(client, 'min', batchOf(['x'.repeat(100)]))
  const producer = await WireClient.connect(log)
  const poll = fetch('min', [{}], { minBytes: 300, maxWaitMs: 5000 })
  for (let count = 0; count < 3; count++) await produceTo(producer, 'min', batchOf(['y'.repeat(100)]))
  const [[, , values]] = told(await poll) as [[string, number, string[]]]
  assert.ok(values.length >= 2 && values.length < 5, String(values.length))
  const since = performance.now()
  await fetch('min', [{}], { minBytes: 1 << 20, maxWaitMs: 80 })
  assert.ok(performance.now() - since >= 79)
  await producer.close()
})

test('a large response is streamed: many windows, many partitions, every byte in its place', async () => {
  await createTopic(client, 'large', { 'max.message.bytes': '4000000' }, 3)
  const expected: string[][] = [[], [], []]
  for (let count = 0; count < 12; count++) {
    const value = String.fromCharCode(97 + count).repeat(100_000 * (1 + (count % 7)))
    expected[count % 3]!.push(value)
    await produceTo(client, 'large', batchOf([value]), { partition: count % 3 })
  }
  const all = await fetch('large', [{ partition: 0 }, { partition: 1 }, { partition: 2 }])
  assert.deepEqual(
    told(all).map(([, , values]) => values),
    expected,
  )
  for (const { partitions } of all.responses)
    for (const { records: bytes } of partitions) assert.ok([...batches(bytes!, { verifyCrc: true })].length > 0)
  // The first batch is whole whatever the limits; the rest stays within them, and nothing is cut off at its beginning.
  const tight = await fetch(
    'large',
    [
      { partition: 0, maxBytes: 10 },
      { partition: 1, maxBytes: 10 },
    ],
    { maxBytes: 20 },
  )
  assert.deepEqual(
    tight.responses.flatMap(({ partitions }) => partitions.map(({ records: bytes }) => bytes!.length > 100_000)),
    [true, false],
  )
})

test('topics by id: unknown, and recreated under the same name', async () => {
  const id = await createTopic(client, 'again')
  const byId = (sessionEpoch: number, sessionId = 0): Promise<ApiResponse<'Fetch'>> =>
    fetch('', sessionEpoch > 0 ? [] : [{ topicId: id }], { version: 13, sessionId, sessionEpoch })
  const { sessionId } = await byId(0)
  const errorOf = async (sessionEpoch: number): Promise<number> =>
    (await byId(sessionEpoch, sessionId)).responses[0]!.partitions[0]!.errorCode
  await client.ask('DeleteTopics', 6, { topics: [{ name: 'again', topicId: NO_ID }], topicNames: [], timeoutMs: 5000 })
  assert.equal(await errorOf(1), ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION, 'the session remembers its name')
  await createTopic(client, 'again')
  assert.equal(await errorOf(2), ERROR_CODE.INCONSISTENT_TOPIC_ID)
  const [fresh] = (await fetch('', [{ topicId: id }], { version: 13 })).responses
  assert.equal(fresh!.partitions[0]!.errorCode, ERROR_CODE.UNKNOWN_TOPIC_ID)
})

test('a reader whose log has parted from ours learns where', async () => {
  await createTopic(client, 'epochs')
  await produceTo(client, 'epochs', batchOf(['a', 'b']))
  const one = async (options: Options, offset = 0) => (await fetch('epochs', [{ offset }], options)).responses[0]!.partitions[0]!
  const { topics } = await client.ask('Metadata', 9, { topics: [{ name: 'epochs' }], allowAutoTopicCreation: false })
  const { leaderEpoch } = topics[0]!.partitions[0]!
  assert.deepEqual((await one({ lastFetchedEpoch: leaderEpoch }, 2)).divergingEpoch, { epoch: -1, endOffset: -1 })
  assert.equal((await one({ lastFetchedEpoch: leaderEpoch + 5 }, 2)).errorCode, ERROR_CODE.OFFSET_OUT_OF_RANGE)
  assert.equal((await one({ currentLeaderEpoch: leaderEpoch + 1 })).errorCode, ERROR_CODE.UNKNOWN_LEADER_EPOCH)
  assert.equal((await one({}, 3)).errorCode, ERROR_CODE.OFFSET_OUT_OF_RANGE)
  const ask = async (wanted: number, currentLeaderEpoch = -1) => {
    const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch: wanted }]
    return (await client.ask('OffsetForLeaderEpoch', 4, { replicaId: -1, topics: [{ topic: 'epochs', partitions }] })).topics[0]!
      .partitions[0]!
  }
  assert.deepEqual(await ask(leaderEpoch), { errorCode: 0, partition: 0, leaderEpoch, endOffset: 2 })
  assert.deepEqual(await ask(leaderEpoch + 1), { errorCode: 0, partition: 0, leaderEpoch: -1, endOffset: -1 })
  assert.equal((await ask(leaderEpoch, leaderEpoch + 1)).errorCode, ERROR_CODE.UNKNOWN_LEADER_EPOCH)
})

test('read committed: up to the last stable offset, with the aborted transactions; a poll wakes at the marker', async () => {
  await createTopic(client, 'tx')
  const init = await client.ask('InitProducerId', 4, { transactionalId: 'tx-1', transactionTimeoutMs: 60_000 })
  assert.equal(init.errorCode, 0)
  const { producerId, producerEpoch } = init
  let baseSequence = 0
  const write = async (value: string): Promise<void> => {
    await client.ask('AddPartitionsToTxn', 3, {
      v3AndBelowTransactionalId: 'tx-1',
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: 'tx', partitions: [0] }],
    })
    const batch = batchOf([value], { transactional: true, producerId, producerEpoch, baseSequence: baseSequence++ })
    const { responses } = await client.ask('Produce', 9, {
      transactionalId: 'tx-1',
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: 'tx', partitionData: [{ index: 0, records: batch }] }],
    })
    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, 0)
  }
  const end = async (committed: boolean): Promise<void> => {
    const { errorCode } = await client.ask('EndTxn', 3, { transactionalId: 'tx-1', producerId, producerEpoch, committed })
    assert.equal(errorCode, 0)
  }
  const committed = async (maxWaitMs = 0, offset = 0) =>
    (await fetch('tx', [{ offset }], { isolationLevel: 1, maxWaitMs })).responses[0]!.partitions[0]!
  await write('aborted')
  const open = await committed()
  assert.deepEqual([open.lastStableOffset, open.records!.length, open.abortedTransactions], [0, 0, []])
  assert.equal((await fetchFrom(client, 'tx')).offsets.length, 1, 'read uncommitted sees it')
  const reader = await WireClient.connect(log)
  const polled = reader.ask('Fetch', 12, {
    maxWaitMs: 5000,
    minBytes: 1,
    isolationLevel: 1,
    topics: [{ topic: 'tx', partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1 << 20 }] }],
    forgottenTopicsData: [],
  })
  await end(false)
  const woken = (await polled).responses[0]!.partitions[0]!
  assert.deepEqual([woken.lastStableOffset, woken.abortedTransactions], [2, [{ producerId, firstOffset: 0 }]])
  await write('committed')
  await end(true)
  assert.deepEqual((await committed(5000, 2)).abortedTransactions, [], 'the answer does not wait for the marker; the poll does')
  const both = await committed()
  assert.deepEqual([both.lastStableOffset, both.abortedTransactions], [4, [{ producerId, firstOffset: 0 }]])
  await reader.close()
})

test('offsets by time, to the record; the special times; each partition once', async () => {
  await createTopic(client, 'times')
  await produceTo(client, 'times', batchOf(['a', 'b'], { timestamp: 1000 }))
  await produceTo(client, 'times', batchOf(['c'], { timestamp: 3000 }))
  await produceTo(client, 'times', batchOf(['d'], { timestamp: 2000 }))
  const ask = async (timestamp: number, version = 11, times = 1) => {
    const wanted = { partitionIndex: 0, currentLeaderEpoch: -1, timestamp }
    const partitions = Array.from({ length: times }, () => wanted)
    const { topics } = await client.ask('ListOffsets', version, { replicaId: -1, topics: [{ name: 'times', partitions }] })
    const { errorCode, offset, timestamp: found } = topics[0]!.partitions[0]!
    return [errorCode, offset, found]
  }
  assert.deepEqual(await ask(-1), [0, 4, -1])
  assert.deepEqual(await ask(-2), [0, 0, -1])
  assert.deepEqual(await ask(-3), [0, 2, 3000])
  assert.deepEqual(await ask(-4), [0, 0, -1])
  assert.deepEqual(await ask(-5), [0, -1, -1])
  assert.deepEqual(await ask(1001), [0, 2, 3000])
  assert.deepEqual(await ask(3001), [0, -1, -1])
  assert.deepEqual(await ask(-4, 7), [ERROR_CODE.UNSUPPORTED_VERSION, -1, -1])
  assert.deepEqual(await ask(-1, 11, 2), [ERROR_CODE.INVALID_REQUEST, -1, -1])
})
