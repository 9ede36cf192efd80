import { test } from 'node:test'
import assert from 'node:assert/strict'
import { SeededRandom } from './seeded-random.ts'

test('the same seed gives the same sequence, and it does not change between versions', () => {
  const random = new SeededRandom(42)
  const again = new SeededRandom(42)
  const numbers = Array.from({ length: 4 }, () => random.uint32())
  assert.deepEqual(
    numbers,
    Array.from({ length: 4 }, () => again.uint32()),
  )
  assert.deepEqual(numbers, [3882964438, 1177149777, 1632668721, 3033756285])
})

test('seeds that differ in any bit differ in their sequences', () => {
  const seen = new Set<number>()
  for (let bit = 0; bit < 53; bit++) seen.add(new SeededRandom(2 ** bit).uint32())
  assert.equal(seen.size, 53)
})

test('a seed that is no integer is refused', () => {
  for (const seed of [-1, 0.5, Number.NaN, 2 ** 53]) assert.throws(() => new SeededRandom(seed), RangeError)
})

test('numbers are spread evenly, bytes too', () => {
  const random = new SeededRandom(7)
  const buckets = Array.from({ length: 16 }, () => 0)
  for (let draw = 0; draw < 16_000; draw++) buckets[random.between(0, 15)]!++
  for (const count of buckets) assert.ok(count > 850 && count < 1150, `${count} of 1000`)
  const bytes = random.bytes(10_001)
  const mean = bytes.reduce((sum, byte) => sum + byte, 0) / bytes.length
  assert.ok(mean > 124 && mean < 131, `mean ${mean}`)
})

test('a chance of 0 never happens, of 1 always', () => {
  const random = new SeededRandom(1)
  for (let draw = 0; draw < 100; draw++) {
    assert.equal(random.chance(0), false)
    assert.equal(random.chance(1), true)
  }
})

test('a fork is independent of what its parent draws later', () => {
  const parent = new SeededRandom(3)
  const fork = parent.fork()
  const other = new SeededRandom(3)
  const otherFork = other.fork()
  for (let draw = 0; draw < 10; draw++) other.uint32()
  assert.equal(fork.uint32(), otherFork.uint32())
  assert.notEqual(fork.uint32(), parent.uint32())
})
