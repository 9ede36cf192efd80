import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareOutputs, Outputs } from './compare-outputs.ts'

function outputs(records: { readonly [sink: string]: readonly unknown[] }): Outputs {
  const all = new Outputs()
  for (const [sink, values] of Object.entries(records)) {
    all.declare(sink)
    for (const value of values) all.add(sink, value)
  }
  return all
}

test('the order of records and of members is no difference, the number is', () => {
  const old = outputs({ a: [{ x: 1, y: 2 }, 'b', 'b', new Map([[1, 1n]])], empty: [] })
  const recent = outputs({ a: ['b', new Map([[1, 1n]]), { y: 2, x: 1 }], empty: [] })
  assert.deepEqual(
    compareOutputs(old, old).map(({ onlyOld, onlyNew, same }) => [same, onlyOld.count, onlyNew.count]),
    [
      [4, 0, 0],
      [0, 0, 0],
    ],
  )
  const [a] = compareOutputs(old, recent)
  assert.deepEqual(a, {
    sink: 'a',
    same: 3,
    onlyOld: { count: 1, examples: [{ record: "'b'", times: 1 }] },
    onlyNew: { count: 0, examples: [] },
  })
})

test('numbers that look alike, and the kinds of things, are told apart', () => {
  const [it] = compareOutputs(outputs({ a: [0, 1, '1', undefined, [1]] }), outputs({ a: [-0, 1n, 1, null, new Set([1])] }))
  assert.deepEqual([it!.same, it!.onlyOld.count, it!.onlyNew.count], [1, 4, 4])
})

test('of many differences a few are shown', () => {
  const [it] = compareOutputs(outputs({ a: Array.from({ length: 500 }, (_, n) => n) }), outputs({ a: [] }))
  assert.deepEqual([it!.onlyOld.count, it!.onlyOld.examples.length], [500, 10])
})
