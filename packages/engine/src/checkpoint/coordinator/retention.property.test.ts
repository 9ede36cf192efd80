import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Retention } from './retention.ts'

describe('retention', () => {
  it('makes room with what was given up, and keeps as many that can be restored as are to be', () => {
    const retention = new Retention(3, [3, 4, 5], [5], 4)
    assert.deepEqual(retention.retire(Infinity), [], 'nothing goes before something new is complete')
    retention.completed(6)
    assert.deepEqual(retention.retire(6), [5], 'not 3')
    retention.completed(7)
    assert.deepEqual(retention.retire(7), [3])
  })

  it('of what can be restored keeps the newest as many, or all there are; of what cannot, no more than fit beside', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 6 })
    const property = fc.property(ids, ids, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), (usable, lost, kept, count) => {
      const others = lost.filter((id) => !usable.includes(id))
      const retention = new Retention(
        kept,
        [...usable, ...others],
        lost.filter((id) => others.includes(id)),
        Math.max(0, ...usable),
      )
      const there = new Set([...usable, ...others])
      const before = [...usable].toSorted((a, b) => a - b)
      for (let id = 9; id < 9 + count; id++) {
        retention.completed(id)
        there.add(id)
        before.push(id)
        for (const retired of retention.retire(id)) assert.ok(there.delete(retired), 'once')
        assert.deepEqual(
          [...there].filter((each) => !others.includes(each)).toSorted((a, b) => a - b),
          before.slice(-kept),
        )
        if (others.some((each) => there.has(each))) assert.ok(there.size <= kept)
      }
    })
    fc.assert(property, { numRuns: 300 })
  })
})
