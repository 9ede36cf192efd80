import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildBatch, buildEndTransactionMarker } from '../../records/index.ts'
import { decodeRange, type DecodedRange, type FetchedRange } from './fetched.ts'

interface BatchSpec {
  readonly producerId?: number
  readonly transactional?: boolean
}

function data(baseOffset: number, values: readonly string[], { producerId = -1, transactional = false }: BatchSpec = {}): Uint8Array {
  const records = values.map((value) => ({ key: null, value: Buffer.from(value), timestamp: 1 }))
  return buildBatch(records, { baseOffset, producerId, producerEpoch: 0, transactional, partitionLeaderEpoch: 3 }).whole
}

function marker(baseOffset: number, producerId: number, outcome: 'commit' | 'abort'): Uint8Array {
  return buildEndTransactionMarker({ baseOffset, producerId, producerEpoch: 0, outcome, coordinatorEpoch: 0, timestamp: 1 }).whole
}

function decode(parts: readonly Uint8Array[], options: Partial<FetchedRange> = {}): DecodedRange & { readonly values: readonly string[] } {
  const range = {
    topic: 't',
    partition: 0,
    offset: 0,
    bytes: Buffer.concat(parts),
    aborted: null,
    readCommitted: true,
    highWatermark: 99,
    lastStableOffset: 99,
    broker: 'b',
  }
  const decoded = decodeRange({ ...range, ...options })
  return { ...decoded, values: decoded.fetched.records.map(({ value }) => Buffer.from(value!).toString()) }
}

const transactional = (producerId: number): BatchSpec => ({ producerId, transactional: true })

void test('records before the offset, markers and aborted records are not shown; the position is behind them', () => {
  const parts = [
    data(0, ['a', 'b']),
    data(2, ['1'], transactional(1)),
    data(3, ['2'], transactional(2)),
    data(4, ['plain'], { producerId: 1 }),
    marker(5, 1, 'abort'),
    data(6, ['1 again'], transactional(1)),
    marker(7, 2, 'commit'),
    marker(8, 1, 'commit'),
  ]
  const aborted = [{ producerId: 1, firstOffset: 2 }]
  const { values, fetched, error } = decode(parts, { offset: 1, aborted })
  assert.deepEqual([values, fetched.nextOffset, fetched.leaderEpoch, error], [['b', '2', 'plain', '1 again'], 9, -1, undefined])
  assert.deepEqual(decode(parts, { aborted, readCommitted: false }).values, ['a', 'b', '1', '2', 'plain', '1 again'])
})

void test('two transactions of one producer, one of them aborted', () => {
  const parts = [
    data(0, ['x'], transactional(1)),
    marker(1, 1, 'abort'),
    data(2, ['y'], transactional(1)),
    marker(3, 1, 'commit'),
    data(4, ['z'], transactional(1)),
    marker(5, 1, 'abort'),
  ]
  const aborted = [
    { producerId: 1, firstOffset: 4 },
    { producerId: 1, firstOffset: 0 },
  ]
  assert.deepEqual(decode(parts, { aborted }).values, ['y'])
})

void test('a transaction that began before the range', () => {
  const parts = [data(10, ['x'], transactional(1)), marker(11, 1, 'abort')]
  assert.deepEqual(decode(parts, { offset: 10, aborted: [{ producerId: 1, firstOffset: 3 }] }).values, [])
})

void test('a batch that cannot be read is an error at its offset, after what came before it', () => {
  const bad = Buffer.from(data(2, ['c', 'd']))
  bad[bad.length - 1]! ^= 1
  const { values, fetched, error } = decode([data(0, ['a', 'b']), bad, data(4, ['e'])])
  assert.deepEqual([values, fetched.nextOffset], [['a', 'b'], 2])
  assert.equal(error!.code, 'CLIENT_RECORD_CORRUPT')
  const { topic, partition, offset, nextOffset, broker } = error!.details
  assert.deepEqual([topic, partition, offset, nextOffset, broker], ['t', 0, 2, 4, 'b'])
})

void test('records that do not fit their batch, though its checksum is right', () => {
  const batch = buildBatch([{ key: null, value: Buffer.from('abc'), timestamp: 1 }], { baseOffset: 0 })
  batch.bytes[batch.at + 61] = 100
  batch.updateCrc()
  const { error, fetched } = decode([batch.whole, data(1, ['next'])])
  assert.deepEqual([error!.code, error!.details['nextOffset'], fetched.records.length], ['CLIENT_RECORD_CORRUPT', 1, 0])
})

void test('a batch that is cut off at the end is for the next time', () => {
  const { values, fetched, error } = decode([data(0, ['a']), data(1, ['b']).subarray(0, 40)])
  assert.deepEqual([values, fetched.nextOffset, error], [['a'], 1, undefined])
})
