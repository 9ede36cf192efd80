import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ResponseMemory } from './response-memory.ts'

void test('what is given back is handed out again, to one at a time', () => {
  const memory = new ResponseMemory()
  const first = memory.take(100_000)
  assert.ok(first.length >= 100_000)
  const other = memory.take(100_000)
  assert.notEqual(other.buffer, first.buffer)
  memory.give(first.subarray(10, 20))
  assert.equal(memory.take(90_000).buffer, first.buffer)
  assert.notEqual(memory.take(90_000).buffer, first.buffer)
})

void test('the smallest that is large enough is handed out, and none that is too small', () => {
  const memory = new ResponseMemory()
  const [small, large] = [memory.take(100_000), memory.take(1_000_000)]
  memory.give(large)
  memory.give(small)
  assert.equal(memory.take(100_000).buffer, small.buffer)
  assert.equal(memory.take(100_000).buffer, large.buffer)
  memory.give(small)
  assert.notEqual(memory.take(300_000).buffer, small.buffer)
})

void test('what is given back twice, or is not from here, is not handed out', () => {
  const memory = new ResponseMemory()
  const mine = memory.take(100_000)
  memory.give(mine)
  memory.give(mine)
  assert.equal(memory.take(100_000).buffer, mine.buffer)
  assert.notEqual(memory.take(100_000).buffer, mine.buffer)
  const foreign = Buffer.allocUnsafeSlow(1_000_000)
  memory.give(foreign)
  assert.notEqual(memory.take(1_000_000).buffer, foreign.buffer)
})

void test('not more than so much is kept that nobody uses', () => {
  const memory = new ResponseMemory()
  const taken = Array.from({ length: 5 }, () => memory.take(8 * 1024 * 1024))
  for (const buffer of taken) memory.give(buffer)
  const again = new Set(Array.from({ length: 5 }, () => memory.take(8 * 1024 * 1024).buffer))
  assert.equal(taken.filter(({ buffer }) => again.has(buffer)).length, 2)
})
