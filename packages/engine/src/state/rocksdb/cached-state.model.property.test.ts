import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { modelProperty } from '../fixtures/keyed-state-model.ts'
import { cached } from '../fixtures/model-backends.ts'

void test('state over a store, and every checkpoint of it, is what the model says', async () => {
  let spilled = 0
  const property = modelProperty(cached, ({ states }) => {
    if (states.some((state) => state.versionBelow > 0)) spilled++
  })
  await fc.assert(property, { numRuns: 100 })
  assert.ok(spilled > 20, String(spilled))
})
