import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OpenedRange } from './fetched.ts'
import { Position } from './position.ts'
import { ReadyQueue } from './ready-queue.ts'

/** @param broken why there is a record behind them that cannot be read */
function range(from: number, count: number, error?: Error, broken?: Error, release = (): void => undefined): OpenedRange {
  const all = Array.from({ length: count }, (_, index) => ({ offset: from + index, timestamp: 0, key: null, value: null, headers: [] }))
  const records = {
    get hasMore() {
      return all.length > 0
    },
    error: undefined as OpenedRange['error'],
    take(limit: number) {
      const taken = all.splice(0, limit)
      if (all.length === 0) this.error = broken as OpenedRange['error']
      return taken
    },
  }
  const about = { topic: 't', partition: 0, nextOffset: from + count + 1, leaderEpoch: 0, highWatermark: 99, lastStableOffset: 99 }
  return { about, records, sizeBytes: 100, error: error as OpenedRange['error'], release }
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

void test('a record that cannot be read ends its partition: what came behind it is thrown away', () => {
  const [queue, bad, good] = [new ReadyQueue(), position(0), position(1)]
  queue.push(bad, range(0, 2, undefined, new Error('corrupt')))
  queue.push(bad, range(5, 1))
  queue.push(good, range(7, 1))
  assert.deepEqual([offsets(queue), bad.consumed, bad.state.kind, queue.bufferedBytes], [[0, 1, 7], 2, 'failed', 0])
  assert.throws(() => queue.take(Infinity), { message: 'corrupt' })
  assert.ok(queue.isEmpty)
})

void test('a range is released when more is taken after its last record, or after it was given up; not before', () => {
  const [queue, one, other] = [new ReadyQueue(), position(), position(1)]
  const released: string[] = []
  const lent =
    (name: string): (() => void) =>
    (): void =>
      void released.push(name)
  queue.push(one, range(0, 3, undefined, undefined, lent('one')))
  queue.push(other, range(0, 2, undefined, undefined, lent('other')))
  assert.deepEqual([offsets(queue, 2), released], [[0, 1], []])
  assert.deepEqual([offsets(queue, 1), released], [[2], []])
  queue.void(other)
  assert.deepEqual([offsets(queue), released], [[], ['one', 'other']])
  assert.deepEqual([offsets(queue), released], [[], ['one', 'other']])
})
