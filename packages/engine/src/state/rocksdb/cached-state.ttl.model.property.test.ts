import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkExpiringState } from '../fixtures/expiring-state-model.ts'
import { inlineLimits } from './apart-maps.ts'
import { CachedState } from './cached-state.ts'
import { MemoryStores } from './memory-stores.ts'

for (const [update, inline] of [
  ['on-write', inlineLimits],
  ['on-read-and-write', inlineLimits],
  ['on-write', { entriesMax: 2, bytesMax: 300 }],
  ['on-read-and-write', { entriesMax: 2, bytesMax: 300 }],
] as const) {
  const name = `maps up to ${inline.entriesMax} entries in their rows`
  void test(`state over a store that expires, updated ${update}, ${name}, is what the model says, and nothing of it is left below`, () => {
    const stores = new MemoryStores()
    let spilled = 0
    const backend = {
      create: (options: ConstructorParameters<typeof CachedState>[0]) =>
        new CachedState(options, { cacheBytes: 1, inline, open: () => stores.create() }),
      wholeSnapshots: true,
      keys: 16,
    }
    const swept = checkExpiringState(backend, update, 15, (states) => {
      if (states.some((state) => (state as CachedState).rowsBelow > 0)) spilled++
    })
    assert.ok(swept > 0)
    assert.ok(spilled > 3, String(spilled))
  })
}
