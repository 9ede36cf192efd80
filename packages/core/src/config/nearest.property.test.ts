import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { editDistance, nearestName } from './nearest.ts'

const word = fc.string({ maxLength: 8 })

void test('the edit distance is a metric', () => {
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      assert.equal(editDistance(a, b), editDistance(b, a))
      assert.equal(editDistance(a, b) === 0, a === b)
      assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c))
    }),
    { numRuns: 200 },
  )
})

void test('one edit away is distance one', () => {
  fc.assert(fc.property(word, fc.nat(8), (a, at) => assert.equal(editDistance(a, `${a.slice(0, at)}é${a.slice(at)}`), 1)))
})

void test('the nearest name is proposed, a far one is not', () => {
  assert.equal(nearestName('parralelism', ['maxParallelism', 'parallelism']), 'parallelism')
  assert.equal(nearestName('PARALLELISM', ['parallelism']), 'parallelism')
  assert.equal(nearestName('colour', ['parallelism', 'development']), undefined)
  assert.equal(nearestName('x'.repeat(1e6), ['parallelism']), undefined)
})
