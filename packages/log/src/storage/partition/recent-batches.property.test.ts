import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { BatchView } from '../../records/batch.ts'
import { RecentBatches, type BatchPlace } from './recent-batches.ts'

const CAPACITY = 20

/** Batches of so many offsets each, now and then a gap before one; -1: cleared. */
const steps = fc.array(
  fc.oneof({ weight: 30, arbitrary: fc.record({ gap: fc.nat(2), count: fc.integer({ min: 1, max: 5 }) }) }, fc.constant(-1)),
  {
    maxLength: 120,
  },
)

void test('finds the first of the newest batches that ends at an offset or above', () => {
  const property = fc.property(steps, fc.integer({ min: -2, max: 12 }), (all, beyond) => {
    const recent = new RecentBatches(CAPACITY)
    let model: BatchPlace[] = []
    let [position, offset] = [0, 2 ** 40]
    for (const each of all) {
      if (typeof each === 'number') {
        recent.clear()
        model = []
        continue
      }
      const baseOffset = offset + each.gap
      const batch = { sizeBytes: 61 + each.count, baseOffset, lastOffset: baseOffset + each.count - 1 }
      recent.push(batch as BatchView, position)
      model = [...model, { ...batch, position }].slice(-CAPACITY)
      position += batch.sizeBytes
      offset = batch.lastOffset + 1
      for (const sought of [model[0]!.baseOffset + beyond, offset - beyond, baseOffset]) {
        const isCovered = sought >= model[0]!.baseOffset
        const expected = isCovered ? model.find(({ lastOffset }) => lastOffset >= sought) : undefined
        assert.deepEqual(recent.find(sought), expected)
      }
    }
    if (model.length === 0) assert.equal(recent.find(offset), undefined)
  })
  fc.assert(property)
})
