import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchView } from '../../records/index.ts'
import { PartitionQueue } from './partition-queue.ts'
import { PendingBatch } from './pending-batch.ts'

function batch(count = 1, createdAtMs = 0): PendingBatch {
  const made = new PendingBatch('t', 0, createdAtMs, 0, {})
  for (let index = 0; index < count; index++) made.append({ key: null, value: Buffer.from(`${index}`), timestamp: 1 }, undefined)
  made.isClosed = true
  return made
}

function queue(): PartitionQueue {
  const made = new PartitionQueue('t', 0, { maxInFlight: 5, idempotent: true, idleMs: 1000 })
  made.setIdentity({ producerId: 7, producerEpoch: 0 })
  return made
}

/** A queue that has had an acknowledgement, with so many batches to send. */
function known(batches: number): { readonly made: PartitionQueue; readonly list: readonly PendingBatch[] } {
  const made = queue()
  made.push(batch())
  made.settle(made.take(0, 0)!, 'acknowledged', 0, 0)
  const list = Array.from({ length: batches }, () => batch(2))
  for (const one of list) made.push(one)
  return { made, list }
}

void test('a producer that is not known sends one batch and waits, one that is sends five', () => {
  const made = queue()
  for (let index = 0; index < 8; index++) made.push(batch())
  const first = made.take(0, 0)!
  assert.equal(first.sequence, 0)
  assert.equal(made.take(0, 0), undefined)
  made.settle(first, 'acknowledged', 0, 0)
  const sequences = Array.from({ length: 7 }, () => made.take(0, 0)?.sequence)
  assert.deepEqual(sequences, [1, 2, 3, 4, 5, undefined, undefined])
})

void test('what is to be repeated goes first, alone, with its sequence, after all under way is answered', () => {
  const { made, list } = known(4)
  const [a, b, c] = [made.take(0, 0)!, made.take(0, 0)!, made.take(0, 0)!]
  made.settle(a, 'retry', 0, 50)
  assert.equal(made.take(100, 0), undefined, 'two are under way')
  made.settle(b, 'retry', 0, 50)
  made.settle(c, 'retry', 0, 50)
  assert.equal(made.take(49, 0), undefined, 'too soon')
  assert.equal(made.take(50, 0), a)
  assert.equal(made.take(50, 0), undefined, 'one at a time')
  made.settle(a, 'acknowledged', 50, 0)
  assert.equal(made.take(50, 0), b)
  assert.deepEqual([a.sequence, b.sequence, c.sequence, list[3]!.sequence], [1, 3, 5, -1])
})

void test('no more follow the oldest batch than a broker remembers, though those between are acknowledged', () => {
  const { made } = known(8)
  const oldest = made.take(0, 0)!
  for (let index = 0; index < 4; index++) made.settle(made.take(0, 0)!, 'acknowledged', 0, 0)
  assert.equal(made.take(0, 0), undefined)
  made.settle(oldest, 'acknowledged', 0, 0)
  assert.notEqual(made.take(0, 0), undefined)
})

void test('a missing sequence at the oldest batch begins a new epoch; behind it, it is only a repetition', () => {
  const { made } = known(3)
  const [a, b] = [made.take(0, 0)!, made.take(0, 0)!]
  made.settle(b, 'missing-sequence', 0, 0)
  assert.deepEqual(made.identity, { producerId: 7, producerEpoch: 0 })
  made.settle(a, 'missing-sequence', 0, 0)
  assert.equal(made.take(0, 0), a)
  assert.deepEqual(made.identity, { producerId: 7, producerEpoch: 1 })
  assert.deepEqual([a.sequence, b.sequence], [0, 2])
  const bytes = new BatchView(a.bytes(made.identity))
  assert.deepEqual([bytes.producerEpoch, bytes.baseSequence, bytes.isCrcValid()], [1, 0, true])
})

void test('a batch that is too large goes as two, in its place and with its sequences', () => {
  const made = queue()
  made.push(batch(5))
  made.push(batch(1))
  const large = made.take(0, 0)!
  made.settle(large, 'split', 0, 0)
  const first = made.take(0, 0)!
  assert.deepEqual([first.recordCount, first.sequence], [3, 0])
  made.settle(first, 'acknowledged', 0, 0)
  const second = made.take(0, 0)!
  assert.deepEqual([second.recordCount, second.sequence], [2, 3])
  made.settle(second, 'acknowledged', 0, 0)
  assert.equal(made.take(0, 0)!.sequence, 5)
})

void test('only what is not under way runs out of time', () => {
  const { made, list } = known(3)
  const sent = made.take(0, 0)!
  assert.deepEqual(made.expire(100, 100), list.slice(1))
  made.settle(sent, 'retry', 100, 100)
  assert.deepEqual(made.expire(100, 100), [sent])
  assert.ok(made.isEmpty)
})

void test('a producer that was idle may be forgotten: it asks with one batch again', () => {
  const { made } = known(3)
  made.take(1001, 0)
  assert.equal(made.take(1001, 0), undefined)
})
