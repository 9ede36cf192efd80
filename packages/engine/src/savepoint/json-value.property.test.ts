import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { anyValue } from '../codec/fixtures/values.ts'
import { valueFromJson, valueToJson } from './json-value.ts'

const again = (value: unknown): unknown => valueFromJson(JSON.parse(JSON.stringify(valueToJson(value))))

void test('any value arrives as JSON as it was', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      assert.deepStrictEqual(again(value), value)
    }),
    { numRuns: 300 },
  )
})

void test('what JSON has no word for is tagged, and can be written by hand', () => {
  const value = {
    at: new Date(0),
    big: 12n,
    none: Number.NaN,
    map: new Map<unknown, unknown>([[1, -0]]),
    bytes: new Uint8Array([1]),
    $x: undefined,
  }
  assert.deepEqual(valueToJson(value), {
    $object: [
      ['at', { $date: '1970-01-01T00:00:00.000Z' }],
      ['big', { $bigint: '12' }],
      ['none', { $number: 'NaN' }],
      ['map', { $map: [[1, { $number: '-0' }]] }],
      ['bytes', { $bytes: 'AQ==' }],
      ['$x', { $undefined: true }],
    ],
  })
})

void test('an object that is in a value twice, or in itself, is so afterwards', () => {
  const shared = { n: 1 }
  const loop: { self?: unknown; list: unknown[] } = { list: [shared, new Map([['s', shared]])] }
  loop.self = loop
  const back = again(loop) as typeof loop
  assert.equal(back.self, back)
  assert.equal(back.list[0], (back.list[1] as Map<string, unknown>).get('s'))
})

void test('what means nothing is refused, and says what it is', () => {
  for (const bad of [
    { $bigint: 'x' },
    { $date: 'soon' },
    { $what: 1 },
    { $ref: 7 },
    { $map: [[1]] },
    { $bytes: '%' },
    { $set: 1, more: 2 },
    { $number: '7' },
  ])
    assert.throws(() => valueFromJson(bad), TypeError, JSON.stringify(bad))
})
