import assert from 'node:assert/strict'
import { test } from 'node:test'
import { counted, formatCount, formatElapsed, formatPercent } from './quantities.ts'

void test('counts have three digits', () => {
  for (const [count, text] of [
    [0, '0'],
    [0.25, '0.25'],
    [7, '7'],
    [99.4, '99'],
    [99.6, '100'],
    [99.97, '100'],
    [999, '999'],
    [999.7, '1.00 k'],
    [1_234, '1.23 k'],
    [12_345, '12.3 k'],
    [999_600, '1.00 M'],
    [1_234_567, '1.23 M'],
    [5e9, '5.00 G'],
    [2e12, '2000 G'],
  ] as const) {
    assert.equal(formatCount(count), text, String(count))
  }
})

void test('elapsed times have two units', () => {
  for (const [ms, text] of [
    [-5, '0 ms'],
    [340, '340 ms'],
    [7_240, '7.2 s'],
    [59_949, '59.9 s'],
    [59_999, '1m 00s'],
    [185_000, '3m 05s'],
    [7_380_000, '2h 03m'],
    [435_600_000, '5d 01h'],
  ] as const) {
    assert.equal(formatElapsed(ms), text, String(ms))
  }
  assert.equal(formatPercent(0.126), '13 %')
})

void test('one thing is one thing', () => {
  assert.deepEqual(
    [0, 1, 2].map((count) => counted(count, 'record')),
    ['0 records', '1 record', '2 records'],
  )
})
