import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { modelProperty, type ModelBackend } from '../fixtures/keyed-state-model.ts'
import type { KeyedStateOptions } from '../state-types.ts'
import { CachedState } from './cached-state.ts'
import { MemoryStores } from './memory-stores.ts'
import type { StoreCheckpoint } from './ordered-store.ts'

interface Kept {
  readonly range: KeyedStateOptions['keyGroups']
  readonly checkpoint: StoreCheckpoint | undefined
  readonly rows: number
  readonly header: Uint8Array
}

const stores = new MemoryStores()

/** A cache of a few rows, so that most of the time they are somewhere else. */
const cached: ModelBackend<CachedState & { range?: KeyedStateOptions['keyGroups'] }, Kept> = {
  create: (options) =>
    Object.assign(new CachedState(options, { cacheBytes: 1, open: () => stores.create() }), { range: options.keyGroups }),
  keep: async (state) => ({
    range: state.range!,
    rows: state.rowsBelow,
    header: state.header,
    checkpoint: await state.checkpointBelow(),
  }),
  restore: async (state, kept) => {
    for (const { checkpoint, header, range, rows } of kept) {
      if (checkpoint === undefined || range.end <= state.range!.first || range.first >= state.range!.end) continue
      const store = await stores.restore('x', checkpoint.files)
      if (range.first === state.range!.first && range.end === state.range!.end) state.adopt(store, rows)
      else state.takeOver(store, header)
    }
  },
}

void test('state over a store, and every checkpoint of it, is what the model says', async () => {
  let spilled = 0
  const property = modelProperty(cached, ({ states }) => {
    if (states.some((state) => state.versionBelow > 0)) spilled++
  })
  await fc.assert(property, { numRuns: 100 })
  assert.ok(spilled > 20, String(spilled))
})
