import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { recordOf, tombstoneOf, transactionFormat, transactionOf } from './transaction-log.ts'
import { partitionSet, type Transaction } from './transaction.ts'

// Written by the classes of Apache Kafka 4.1.1.
const KEY = '000000086f72646572732d31'
const PREPARE_0 =
  '00000000000000000fa100070000ea6002000000020002696e00000002000000000000000300125f5f636f6e73756d65725f6f66667365747300000001000000110000018bcfe5687b0000018bcfe56801'
const EMPTY_0 = '00000000000000000fa100000000ea6000ffffffff0000018bcfe5687bffffffffffffffff'
const PREPARE_1 =
  '00010000000000000fa100070000ea60020303696e03000000000000000300135f5f636f6e73756d65725f6f6666736574730200000011000000018bcfe5687b0000018bcfe568010300080000000000000fa00108000000000000138802020002'
const EMPTY_1 = '00010000000000000fa100000000ea6000000000018bcfe5687bffffffffffffffff00'

const empty: Transaction = {
  transactionalId: 'orders-1',
  producerId: 4001,
  producerEpoch: 0,
  previousProducerId: -1,
  nextProducerId: -1,
  lastProducerEpoch: -1,
  timeoutMs: 60_000,
  state: 'Empty',
  partitions: new Map(),
  startedMs: -1,
  updatedMs: 1_700_000_000_123,
  clientVersion: 0,
}

const prepared: Transaction = {
  ...empty,
  producerEpoch: 7,
  previousProducerId: 4000,
  nextProducerId: 5000,
  state: 'PrepareCommit',
  partitions: partitionSet([
    ['in', [0, 3]],
    ['__consumer_offsets', [17]],
  ]),
  startedMs: 1_700_000_000_001,
  clientVersion: 2,
}

function hex(bytes: Uint8Array | null): string {
  return Buffer.from(bytes!).toString('hex')
}

function read(value: string): Transaction | undefined {
  return transactionOf(transactionFormat.decode(Buffer.from(KEY, 'hex'), Buffer.from(value, 'hex'))!)
}

test('records are those of Kafka, byte by byte', () => {
  const { key, value } = transactionFormat.encode(recordOf(prepared))
  assert.deepEqual([hex(key), hex(value)], [KEY, PREPARE_1])
  assert.equal(hex(transactionFormat.encode(recordOf(empty)).value), EMPTY_1)
})

test('what Kafka has written is read, in the older version too', () => {
  assert.deepEqual(read(PREPARE_1), prepared)
  assert.deepEqual(read(EMPTY_1), empty)
  assert.deepEqual(read(EMPTY_0), empty)
  assert.deepEqual(read(PREPARE_0), { ...prepared, previousProducerId: -1, nextProducerId: -1, clientVersion: 0 })
})

test('a tombstone is no transaction, and what is not known is corrupt', () => {
  const { key, value } = transactionFormat.encode(tombstoneOf('orders-1'))
  assert.deepEqual([hex(key), value], [KEY, null])
  assert.equal(transactionOf(transactionFormat.decode(key, null)!), undefined)
  const corrupt = (error: unknown): boolean => error instanceof MillraceError && error.code === 'COORDINATOR_RECORD_CORRUPT'
  assert.throws(() => read(EMPTY_1.replace('00ea600000', '00ea600900')), corrupt)
  assert.throws(() => read(EMPTY_1.replace(/^0001/, '0002')), corrupt)
  assert.throws(() => read(EMPTY_1.slice(0, 40)), corrupt)
})
