import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { hashKey } from './hash.ts'
import { formerGroups, keyGroupOf, keyGroupRange, MAX_PARALLELISM_LIMIT, subtaskOfKeyGroup } from './key-group.ts'

test('ranges are contiguous, cover every group once, and agree with the subtask of each group', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 700 }), fc.nat(), (maxParallelism, seed) => {
      const parallelism = 1 + (seed % maxParallelism)
      let next = 0
      for (let subtask = 0; subtask < parallelism; subtask++) {
        const { first, end } = keyGroupRange(subtask, parallelism, maxParallelism)
        assert.equal(first, next)
        assert.ok(end > first)
        for (let group = first; group < end; group++) assert.equal(subtaskOfKeyGroup(group, maxParallelism, parallelism), subtask)
        next = end
      }
      assert.equal(next, maxParallelism)
    }),
    { numRuns: 200 },
  )
})

test("Flink's own ranges: 10 subtasks over 128 groups", () => {
  const ranges = Array.from({ length: 10 }, (_, subtask) => keyGroupRange(subtask, 10, 128))
  assert.deepEqual(
    ranges.map(({ first }) => first),
    [0, 13, 26, 39, 52, 64, 77, 90, 103, 116],
  )
})

test('a group is in range for every hash and limit', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: MAX_PARALLELISM_LIMIT }), (hash, maxParallelism) => {
      const group = keyGroupOf(hash, maxParallelism)
      assert.ok(Number.isInteger(group) && group >= 0 && group < maxParallelism)
    }),
  )
  assert.equal(keyGroupOf(-1, 128), 127)
  assert.equal(keyGroupOf(0, 128), 0)
})

test('keys spread evenly over groups', () => {
  for (const keyOf of [(n: number): unknown => n, (n: number): unknown => `user-${n}`, (n: number): unknown => n * 4096]) {
    const counts = Array.from({ length: 128 }, () => 0)
    for (let n = 0; n < 12_800; n++) counts[keyGroupOf(hashKey(keyOf(n)), 128)]!++
    for (const count of counts) assert.ok(count > 55 && count < 150, String(count))
  }
})

test('impossible parallelisms are refused', () => {
  for (const [parallelism, maxParallelism] of [
    [0, 1],
    [2, 1],
    [1, 0],
    [1, MAX_PARALLELISM_LIMIT + 1],
    [1.5, 3],
  ] as const) {
    assert.throws(() => keyGroupRange(0, parallelism, maxParallelism), { code: 'KEY_GROUP_RANGE' })
  }
})

test('with another number of groups, a key is in a former group of its range, and every group of it is needed', () => {
  const groups = fc.integer({ min: 1, max: 500 })
  fc.assert(
    fc.property(groups, groups, fc.nat(), fc.integer(), (maxParallelism, former, seed, hash) => {
      const parallelism = 1 + (seed % maxParallelism)
      const group = keyGroupOf(hash, maxParallelism)
      const range = keyGroupRange(subtaskOfKeyGroup(group, maxParallelism, parallelism), parallelism, maxParallelism)
      const { first, end } = formerGroups(range, maxParallelism, former)
      const formerGroup = keyGroupOf(hash, former)
      assert.ok(formerGroup >= first && formerGroup < end)
      assert.ok(first >= 0 && end <= former)
      // The last hash of the first former group, and the first of the last, are of the range.
      const lastHash = Math.ceil(((first + 1) * 2 ** 32) / former) - 1
      const firstHash = Math.ceil(((end - 1) * 2 ** 32) / former)
      assert.ok(keyGroupOf(lastHash, maxParallelism) >= range.first && keyGroupOf(firstHash, maxParallelism) < range.end)
    }),
    { numRuns: 500 },
  )
})
