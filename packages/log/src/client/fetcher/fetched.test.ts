import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MillraceError } from '@millrace/core'
import { buildBatch, buildEndTransactionMarker } from '../../records/index.ts'
import { openRange, type FetchedRange, type OpenedRange } from './fetched.ts'

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

interface Decoded {
  readonly fetched: OpenedRange['about']
  readonly values: readonly string[]
  readonly error: MillraceError | undefined
}

function decode(parts: readonly Uint8Array[], options: Partial<FetchedRange> = {}, limit: number = Infinity): Decoded {
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
    lent: false,
    release: () => undefined,
  }
  const { about, records, error } = openRange({ ...range, ...options })
  const values: string[] = []
  while (records.hasMore) {
    const taken = records.take(limit)
    assert.ok(taken.length <= limit)
    for (const { value } of taken) values.push(Buffer.from(value!).toString())
  }
  return { fetched: about, values, error: records.error ?? error }
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
  const batch = buildBatch([{ key: null, value: Buffer.from('abc'), timestamp: 1 }], { baseOffset: 2 })
  batch.bytes[batch.at + 61] = 100
  batch.updateCrc()
  for (const limit of [1, Infinity]) {
    const { error, values } = decode([data(0, ['before', 'it']), batch.whole, data(3, ['next'])], {}, limit)
    const { offset, nextOffset } = error!.details
    assert.deepEqual([error!.code, offset, nextOffset, values], ['CLIENT_RECORD_CORRUPT', 2, 3, ['before', 'it']])
  }
})

void test('records that are taken in parts are those that are taken at once', () => {
  const parts = [data(0, ['a', 'b', 'c']), data(3, ['1', '2'], transactional(1)), marker(5, 1, 'commit'), data(6, ['d'])]
  for (const limit of [1, 2, 3, 4, 5, 6, 7]) assert.deepEqual(decode(parts, { offset: 1 }, limit).values, ['b', 'c', '1', '2', 'd'])
})

void test('a batch that is cut off at the end is for the next time', () => {
  const { values, fetched, error } = decode([data(0, ['a']), data(1, ['b']).subarray(0, 40)])
  assert.deepEqual([values, fetched.nextOffset, error], [['a'], 1, undefined])
})

void test('records that are not lent, or were compressed, outlive the bytes that were fetched; lent ones do not', () => {
  const records = ['a', 'b'].map((value) => ({ key: null, value: Buffer.from(value.repeat(3)), timestamp: 1 }))
  const valuesOf = (compression: 'none' | 'gzip', lent: boolean): readonly string[] => {
    const bytes = Buffer.from(buildBatch(records, { compression }).whole)
    const about = {
      topic: 't',
      partition: 0,
      offset: 0,
      aborted: null,
      readCommitted: true,
      highWatermark: 9,
      lastStableOffset: 9,
      broker: 'b',
    }
    const taken = openRange({ ...about, bytes, lent, release: () => undefined }).records.take(9)
    bytes.fill('x')
    return taken.map(({ value }) => Buffer.from(value!).toString())
  }
  assert.deepEqual(valuesOf('none', false), ['aaa', 'bbb'])
  assert.deepEqual(valuesOf('gzip', true), ['aaa', 'bbb'])
  assert.deepEqual(valuesOf('none', true), ['xxx', 'xxx'])
})
