import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { modelProperty } from './fixtures/keyed-state-model.ts'
import { heap } from './fixtures/model-backends.ts'
import { KeyedState } from './keyed-state.ts'
import type { KeyedStateOptions } from './state-types.ts'

void test('state, and every checkpoint of it, is what the model says', async () => {
  let deltas = 0
  const property = modelProperty(heap, ({ longestChain }) => {
    if (longestChain > 1) deltas++
  })
  await fc.assert(property, { numRuns: 100 })
  assert.ok(deltas > 0)
})

void test('the same with checkpoints that are compressed', async () => {
  const compressed = { ...heap, create: (options: KeyedStateOptions) => new KeyedState({ ...options, compression: 'zstd' }) }
  await fc.assert(
    modelProperty(compressed, () => {}),
    { numRuns: 30 },
  )
})
