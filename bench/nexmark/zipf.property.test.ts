import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mix } from './generator.ts'
import { parseDistribution, ZipfRanks } from './zipf.ts'

for (const exponent of [0.5, 0.99, 1.3]) {
  void test(`ranks come as often as zipf ${exponent} has it`, () => {
    const count = 50
    const draws = 100_000
    const ranks = new ZipfRanks(count, exponent)
    const seen = new Float64Array(count)
    for (let draw = 0; draw < draws; draw++) seen[ranks.rank((attempt) => (mix(draw * 16 + attempt + 1) >>> 0) / 2 ** 32)]!++
    const weights = Array.from({ length: count }, (_, rank) => (rank + 1) ** -exponent)
    const sum = weights.reduce((total, weight) => total + weight)
    for (const [rank, weight] of weights.entries()) {
      const expected = (draws * weight) / sum
      assert.ok(Math.abs(seen[rank]! - expected) < 5 * Math.sqrt(expected), `rank ${rank}: ${seen[rank]} times, not about ${expected}`)
    }
  })
}

void test('a distribution is read, or refused', () => {
  assert.equal(parseDistribution('uniform'), undefined)
  assert.equal(parseDistribution('zipf:0.99'), 0.99)
  for (const wrong of ['zipf', 'zipf:', 'zipf:1', 'zipf:-2', 'normal']) assert.throws(() => parseDistribution(wrong), RangeError)
})
