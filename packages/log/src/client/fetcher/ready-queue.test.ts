import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DecodedRange } from './fetched.ts'
import { Position } from './position.ts'
import { ReadyQueue } from './ready-queue.ts'

function range(from: number, count: number, error?: Error): DecodedRange {
  const records = Array.from({ length: count }, (_, index) => ({ offset: from + index, timestamp: 0, key: null, value: null, headers: [] }))
  const fetched = {
    topic: 't',
    partition: 0,
    records,
    nextOffset: from + count + 1,
    leaderEpoch: 0,
    highWatermark: 99,
    lastStableOffset: 99,
  }
  return { fetched, sizeBytes: 100, error: error as DecodedRange['error'] }
}

const position = (partition = 0): Position => new Position({ topic: 't', partition }, { offset: 0 })
const offsets = (queue: ReadyQueue, max = Infinity): number[] =>
  queue.take(max).flatMap(({ records }) => records.map(({ offset }) => offset))

void test('records are taken in parts, the position follows, the buffer empties with the last of them', () => {
  const [queue, one] = [new ReadyQueue(), position()]
  queue.push(one, range(0, 3))
  assert.deepEqual([offsets(queue, 2), one.consumed, queue.bufferedBytes], [[0, 1], 2, 100])
  assert.deepEqual([offsets(queue, 2), one.consumed, queue.bufferedBytes, one.bufferedBytes], [[2], 4, 0, 0])
})

void test('what was fetched before a seek is thrown away', () => {
  const [queue, one] = [new ReadyQueue(), position()]
  queue.push(one, range(0, 3))
  queue.void(one)
  one.seek({ offset: 7 })
  queue.push(one, range(7, 1))
  assert.deepEqual([offsets(queue), one.consumed, queue.bufferedBytes], [[7], 9, 0])
})

void test('an error comes after the records before it, and others go on', () => {
  const [queue, bad, good] = [new ReadyQueue(), position(0), position(1)]
  queue.push(bad, range(0, 1, new Error('corrupt')))
  queue.push(good, range(5, 1))
  assert.deepEqual(offsets(queue), [0, 5])
  queue.push(good, range(6, 1))
  assert.throws(() => queue.take(Infinity), { message: 'corrupt' })
  assert.deepEqual(offsets(queue), [6])
  assert.ok(queue.isEmpty)
})

void test('what is paused stays', () => {
  const [queue, one] = [new ReadyQueue(), position()]
  queue.push(one, range(0, 1))
  one.isPaused = true
  assert.deepEqual(offsets(queue), [])
  one.isPaused = false
  assert.deepEqual(offsets(queue), [0])
})
