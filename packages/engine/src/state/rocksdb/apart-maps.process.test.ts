// The model of keyed state over RocksDB itself, with maps that lie apart from their rows nearly at once.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeClock, nodeDisk } from '@millrace/core'
import * as fc from 'fast-check'
import { modelProperty } from '../fixtures/keyed-state-model.ts'
import { cachedOver, tinyLimits } from '../fixtures/model-backends.ts'
import type { CachedState } from './cached-state.ts'
import { RocksdbStores } from './rocksdb-stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-apart-maps-'))
after(() => rmSync(folder, { recursive: true }))

void test('state over RocksDB, with maps apart from their rows, and every checkpoint of it, is what the model says', async () => {
  const stores = await RocksdbStores.open({ disk: nodeDisk, clock: nodeClock }, folder, { attempt: 1, oldestAttempt: 1, region: 0 })
  let spilled = 0
  const created: CachedState[] = []
  const property = modelProperty(cachedOver(stores, { inline: tinyLimits, created }), async ({ states }) => {
    if (states.some((state) => state.versionBelow > 0)) spilled++
    for (const state of created.splice(0)) await state.close()
  })
  await fc.assert(property, { numRuns: 5 })
  assert.ok(spilled > 0, String(spilled))
})
