import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { modelProperty } from '../fixtures/keyed-state-model.ts'
import { cached, cachedApart, cachedOver, tinyLimits } from '../fixtures/model-backends.ts'
import { MemoryStores } from './memory-stores.ts'

const backends = {
  'a cache of one row': cached,
  'maps that lie apart nearly at once': cachedApart,
  'a cache of some entries': cachedOver(new MemoryStores(), { inline: tinyLimits, cacheBytes: 4000 }),
}

for (const [what, backend] of Object.entries(backends)) {
  void test(`state over a store, with ${what}, and every checkpoint of it, is what the model says`, async () => {
    let spilled = 0
    const property = modelProperty(backend, ({ states }) => {
      if (states.some((state) => state.versionBelow > 0)) spilled++
    })
    await fc.assert(property, { numRuns: 60 })
    assert.ok(spilled > 10, String(spilled))
  })
}
