import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkExpiringState } from './fixtures/expiring-state-model.ts'
import { KeyedState } from './keyed-state.ts'

for (const update of ['on-write', 'on-read-and-write'] as const) {
  void test(`state that expires, updated ${update}, and every checkpoint of it, is what the model says`, () => {
    const swept = checkExpiringState({ create: (options) => new KeyedState(options), wholeSnapshots: false, keys: 3 }, update, 80)
    assert.ok(swept > 0)
  })
}
