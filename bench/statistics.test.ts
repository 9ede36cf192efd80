import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrapInterval, geometricMean, mean, median, quantile } from './statistics.ts'

void test('quantiles lie between the two nearest values', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
  assert.equal(quantile([0, 10], 0.25), 2.5)
  assert.equal(quantile([5], 0.9), 5)
  assert.ok(Number.isNaN(median([])))
})

void test('the geometric mean of ratios and of their inverses are inverse', () => {
  const ratios = [0.5, 3, 7]
  assert.ok(Math.abs(geometricMean(ratios) * geometricMean(ratios.map((ratio) => 1 / ratio)) - 1) < 1e-12)
  assert.ok(Math.abs(geometricMean([2, 8]) - 4) < 1e-12)
})

void test('the interval holds the mean, is as wide as theory says, and is the same each time', () => {
  const values = Array.from({ length: 400 }, (_, at) => at % 10)
  const interval = bootstrapInterval(values, mean)
  // Standard deviation 2.87, over the root of 400, times 1.96 to each side.
  assert.ok(interval.low < 4.5 && interval.high > 4.5)
  assert.ok(Math.abs(interval.high - interval.low - 0.563) < 0.06, `${interval.high - interval.low}`)
  assert.deepEqual(bootstrapInterval(values, mean), interval)
})
