import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { BatchView } from '../../records/batch.ts'
import { buildBatch, type BatchOptions } from '../../records/batch-builder.ts'
import { buildEndTransactionMarker } from '../../records/control-record.ts'
import { records } from '../../records/record.ts'
import type { AbortedTransaction } from '../index/transaction-index.ts'
import type { ProducerEntry } from '../producers/producer-entry.ts'
import { filterBatch, type BatchFilterFacts } from './batch-filter.ts'
import { OffsetMap } from './offset-map.ts'
import { TransactionFilter } from './transaction-filter.ts'

const nowMs = 10_000

function facts(
  latest: Record<string, number>,
  latestOffset: number,
  more: { aborted?: AbortedTransaction[]; producer?: ProducerEntry } = {},
): BatchFilterFacts {
  const offsets = new OffsetMap(10_000)
  for (const [key, offset] of Object.entries(latest)) offsets.put(Buffer.from(key), offset)
  offsets.latestOffset = latestOffset
  const transactions = new TransactionFilter(more.aborted ?? [])
  return { offsets, transactions, producerOf: () => more.producer, nowMs, deleteRetentionMs: 500 }
}

function batch(entries: readonly [string | null, string | null][], options: BatchOptions = {}): BatchView {
  const toAppend = entries.map(([key, value], index) => ({
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: 100 + index,
  }))
  return buildBatch(toAppend, { partitionLeaderEpoch: 3, ...options })
}

const offsetsOf = (view: BatchView | undefined): number[] | undefined =>
  view === undefined ? undefined : [...records(view)].map(({ offset }) => offset)
const producer = (batches: ProducerEntry['batches'], producerEpoch = 0): ProducerEntry => ({
  producerId: 7,
  producerEpoch,
  coordinatorEpoch: 0,
  lastTimestamp: 0,
  transactionFirstOffset: undefined,
  batches,
})
const marker = (outcome: 'commit' | 'abort', baseOffset: number): BatchView =>
  buildEndTransactionMarker({ producerId: 7, producerEpoch: 0, coordinatorEpoch: 0, outcome, timestamp: 5, baseOffset })

test('the last record of a key stays, and what the map does not reach; the batch keeps its offsets and its times', () => {
  const view = batch(
    [
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
      [null, '4'],
      ['c', '5'],
    ],
    { baseOffset: 10 },
  )
  const filtered = filterBatch(view, facts({ a: 12, b: 50 }, 13))
  assert.deepEqual(offsetsOf(filtered), [12, 14])
  assert.deepEqual([filtered?.baseOffset, filtered?.lastOffset, filtered?.partitionLeaderEpoch, filtered?.isCrcValid()], [10, 14, 3, true])
  assert.deepEqual(
    [...records(filtered!)].map(({ timestamp }) => timestamp),
    [102, 104],
  )
})

test('a batch of which everything stays is the very same', () => {
  const view = batch([
    ['a', '1'],
    ['b', '2'],
  ])
  assert.equal(filterBatch(view, facts({ a: 0, b: 1 }, 1)), view)
})

test('a tombstone gets a horizon, stays until it has passed, then goes', () => {
  const first = filterBatch(
    batch([
      ['a', null],
      ['b', 'x'],
    ]),
    facts({ a: 0, b: 1 }, 1),
  )!
  assert.equal(first.deleteHorizonMs, nowMs + 500)
  assert.deepEqual(
    [...records(first)].map(({ timestamp }) => timestamp),
    [100, 101],
  )
  assert.equal(filterBatch(first, facts({ a: 0, b: 1 }, 1)), first)
  const later = { ...facts({ a: 0, b: 1 }, 1), nowMs: nowMs + 501 }
  assert.deepEqual(offsetsOf(filterBatch(first, later)), [1])
})

test("a producer's last batch stays, empty, with what tells of it", () => {
  const view = batch(
    [
      ['a', '1'],
      ['a', '2'],
    ],
    { baseOffset: 4, producerId: 7, producerEpoch: 2, baseSequence: 8, compression: 'gzip' },
  )
  const known = producer([{ lastSequence: 9, lastOffset: 5, offsetDelta: 1, timestamp: 0 }], 2)
  const empty = filterBatch(view, facts({ a: 99 }, 99, { producer: known }))!
  assert.deepEqual(
    [empty.recordCount, empty.baseOffset, empty.lastOffset, empty.producerEpoch, empty.baseSequence, empty.lastSequence],
    [0, 4, 5, 2, 8, 9],
  )
  const newer = producer([{ lastSequence: 10, lastOffset: 6, offsetDelta: 0, timestamp: 0 }], 2)
  assert.equal(filterBatch(view, facts({ a: 99 }, 99, { producer: newer })), undefined)
})

test('records of an aborted transaction go; its marker stays until nothing of it is met any more, then until its horizon', () => {
  const aborted = [{ producerId: 7, firstOffset: 0, lastOffset: 1, lastStableOffset: 2 }]
  const options = { producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: true }
  const withData = facts({ a: 0 }, 9, { aborted })
  assert.equal(filterBatch(batch([['a', '1']], options), withData), undefined)
  const abort = marker('abort', 1)
  assert.equal(filterBatch(abort, withData), abort)
  assert.deepEqual(withData.transactions.kept, aborted)
  const waiting = filterBatch(abort, facts({}, 9, { aborted }))!
  assert.equal(waiting.deleteHorizonMs, nowMs + 500)
  assert.equal(filterBatch(waiting, facts({}, 9, { aborted })), waiting)
  assert.equal(filterBatch(waiting, { ...facts({}, 9, { aborted }), nowMs: nowMs + 501 }), undefined)
})

test('a marker of a committed transaction stays as long as a batch of it does', () => {
  const known = facts({ a: 0 }, 9)
  filterBatch(batch([['a', '1']], { producerId: 7, producerEpoch: 0, baseSequence: 0, transactional: true }), known)
  const commit = marker('commit', 1)
  assert.equal(filterBatch(commit, known), commit)
  assert.notEqual(filterBatch(commit, known), commit, 'the second one marks nothing')
})

test('a marker that is all that tells of its producer stays, empty', () => {
  const waiting = filterBatch(marker('commit', 1), facts({}, 9))!
  const emptied = filterBatch(waiting, { ...facts({}, 9, { producer: producer([]) }), nowMs: nowMs + 501 })!
  assert.deepEqual([emptied.recordCount, emptied.isControl, emptied.producerId], [0, true, 7])
  assert.notEqual(filterBatch(emptied, { ...facts({}, 9, { producer: producer([]) }), nowMs: nowMs + 501 }), undefined)
})

test('the map keeps the last offset of each key up to its capacity, offsets beyond 32 bits too', () => {
  const map = new OffsetMap(24 * 16)
  const key = (index: number): Uint8Array => Buffer.from(`key-${index}`)
  let count = 0
  while (map.put(key(count), 2 ** 40 + count)) count++
  assert.equal(count, 12)
  assert.equal(map.size, 12)
  for (let index = 0; index < 12; index++) assert.equal(map.get(key(index)), 2 ** 40 + index)
  assert.equal(map.get(key(99)), -1)
  assert.equal(map.put(key(3), 2 ** 41), true)
  assert.equal(map.get(key(3)), 2 ** 41)
  map.put(key(4), 0)
  assert.equal(map.get(key(4)), 0)
})
