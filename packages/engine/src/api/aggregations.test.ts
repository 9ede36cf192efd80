import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aggregate, count, extremeField, extremeRecord, reduce, sum } from './aggregations.ts'
import type { ErasedProcessFunction } from './functions.ts'

/** Runs an aggregation over the records of one key: everything it emits. */
function run(fn: ErasedProcessFunction, records: readonly unknown[]): readonly unknown[] {
  const emitted: unknown[] = []
  let stored: unknown
  const result = { get: () => stored, set: (next: unknown) => (stored = next) }
  const ctx = { key: 'k', state: { result }, emit: (record: unknown) => emitted.push(record) }
  for (const record of records) fn.onElement!(Object.freeze(record), ctx)
  return emitted
}

const table: readonly (readonly [what: string, ErasedProcessFunction, records: readonly unknown[], emitted: readonly unknown[]])[] = [
  ['reduce', reduce<number>((a, b) => a * 10 + b), [1, 2, 3], [1, 12, 123]],
  [
    'count',
    count(),
    ['a', 'b'],
    [
      { key: 'k', count: 1 },
      { key: 'k', count: 2 },
    ],
  ],
  [
    'sum keeps the other fields of the first',
    sum('n'),
    [
      { n: 1, id: 'a' },
      { n: 2, id: 'b' },
      { n: -4, id: 'c' },
    ],
    [
      { n: 1, id: 'a' },
      { n: 3, id: 'a' },
      { n: -1, id: 'a' },
    ],
  ],
  ['sum of bigints', sum('n'), [{ n: 1n }, { n: 2n ** 64n }], [{ n: 1n }, { n: 2n ** 64n + 1n }]],
  [
    'min keeps the other fields of the first',
    extremeField('n', 'least'),
    [
      { n: 2, id: 'a' },
      { n: 3, id: 'b' },
      { n: 1, id: 'c' },
    ],
    [
      { n: 2, id: 'a' },
      { n: 2, id: 'a' },
      { n: 1, id: 'a' },
    ],
  ],
  [
    'max keeps the other fields of the first',
    extremeField('n', 'greatest'),
    [
      { n: 2, id: 'a' },
      { n: 3, id: 'b' },
      { n: 1, id: 'c' },
    ],
    [
      { n: 2, id: 'a' },
      { n: 3, id: 'a' },
      { n: 3, id: 'a' },
    ],
  ],
  [
    'minBy takes the whole record, of equals the first',
    extremeRecord('n', 'least'),
    [
      { n: 2, id: 'a' },
      { n: 1, id: 'b' },
      { n: 1, id: 'c' },
    ],
    [
      { n: 2, id: 'a' },
      { n: 1, id: 'b' },
      { n: 1, id: 'b' },
    ],
  ],
  [
    'maxBy takes the whole record, of equals the first',
    extremeRecord('s', 'greatest'),
    [
      { s: 'a', id: 1 },
      { s: 'b', id: 2 },
      { s: 'b', id: 3 },
    ],
    [
      { s: 'a', id: 1 },
      { s: 'b', id: 2 },
      { s: 'b', id: 2 },
    ],
  ],
  [
    'maxBy of dates',
    extremeRecord('at', 'greatest'),
    [{ at: new Date(5) }, { at: new Date(4) }],
    [{ at: new Date(5) }, { at: new Date(5) }],
  ],
  [
    'aggregate',
    aggregate<number, readonly [number, number], number>({
      create: () => [0, 0],
      add: (v, [n, s]) => [n + 1, s + v],
      result: ([n, s]) => s / n,
    }),
    [2, 4, 9],
    [2, 3, 5],
  ],
]

test('what each aggregation emits for every record', () => {
  for (const [what, fn, records, emitted] of table) assert.deepEqual(run(fn, records), emitted, what)
})

test('a result that was emitted is never changed afterwards', () => {
  const records = [{ n: 1 }, { n: 5 }, { n: -5 }]
  for (const fn of [sum('n'), extremeField('n', 'least'), extremeField('n', 'greatest')]) {
    const copies: unknown[] = []
    let stored: unknown
    const result = { get: () => stored, set: (next: unknown) => (stored = next) }
    const emitted: unknown[] = []
    const emit = (record: unknown): void => {
      emitted.push(record)
      copies.push(structuredClone(record))
    }
    for (const record of records) fn.onElement!(record, { key: 'k', state: { result }, emit })
    assert.deepEqual(emitted, copies)
    assert.deepEqual(records, [{ n: 1 }, { n: 5 }, { n: -5 }])
  }
})

const refused: readonly (readonly [what: string, ErasedProcessFunction, records: readonly unknown[], RegExp])[] = [
  ['sum of a field that is not there', sum('n'), [{}], /sum: field "n" of a record must be a number or a bigint, and is undefined/],
  ['sum of texts, which would be joined', sum('n'), [{ n: '1' }], /must be a number or a bigint, and is '1'/],
  ['sum of numbers and bigints', sum('n'), [{ n: 1 }, { n: 1n }], /must be a number, as in the records before it, and is 1n/],
  ['min of a field that is not there', extremeField('n', 'least'), [{ n: 1 }, {}], /min: field "n" .* and is undefined/],
  ['max of null', extremeField('n', 'greatest'), [{ n: null }], /max: field "n" .* and is null/],
  ['maxBy of objects', extremeRecord('n', 'greatest'), [{ n: {} }], /max: field "n" .* and is \{\}/],
  ['minBy of texts and numbers', extremeRecord('n', 'least'), [{ n: 1 }, { n: 'a' }], /must be a number, as in the records before it/],
  ['reduce that forgets to answer', reduce(() => undefined), [1, 2], /reduce: the function must be .* and is undefined/],
  ['reduce that answers later', reduce(async () => 1), [1, 2], /reduce: the function must be .* and is a promise/],
  [
    'aggregate that forgets to answer',
    aggregate({ create: () => ({ n: 0 }), add: (() => undefined) as never, result: () => 0 }),
    [1],
    /aggregate: add must be .* and is undefined/,
  ],
]

for (const [what, fn, records, problem] of refused) {
  void test(`${what} is refused`, () => assert.throws(() => run(fn, records), problem))
}

void test('NaN is the greatest of numbers: what comes first does not decide', () => {
  const numbers = [NaN, 2, 1, NaN].map((n) => ({ n }))
  const last = (fn: ErasedProcessFunction): unknown => run(fn, numbers).at(-1)
  assert.deepEqual(last(extremeField('n', 'least')), { n: 1 })
  assert.deepEqual(last(extremeRecord('n', 'least')), { n: 1 })
  assert.deepEqual(last(extremeField('n', 'greatest')), { n: NaN })
})

void test('dates are compared by their time', () => {
  const [early, late] = [new Date(1), new Date(2)]
  assert.deepEqual(run(extremeRecord('at', 'greatest'), [{ at: early }, { at: late }, { at: early }]).at(-1), { at: late })
})
