import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { immediateClock } from '../fixtures/immediate-clock.ts'
import { modelProperty } from '../fixtures/keyed-state-model.ts'
import type { Step } from '../fixtures/model-steps.ts'
import { cached, cachedApart, cachedOver, cachedTimers } from '../fixtures/model-backends.ts'
import { MemoryStores } from './memory-stores.ts'
import { MemoryValueFiles } from './values/memory-value-files.ts'
import { SeparatedStores } from './values/separated-store.ts'

/** A map that is restored in several records, and makes room while it has no entries yet. */
const emptyBetweenRecords: [number, Step[]] = [
  1,
  [
    { op: 'put-many', key: 8, n: 0 },
    { op: 'put-some', key: 1, n: 3 },
    { op: 'write', rows: 1 },
    { op: 'begin', full: 'all' },
    { op: 'put-some', key: 0, n: 0 },
    { op: 'finish' },
    { op: 'count', key: 0, n: 0 },
    { op: 'put-many', key: 1, n: 0 },
    { op: 'begin', full: 'share' },
    { op: 'register', key: 0, n: 0, kind: 'event' },
    { op: 'write', rows: 1 },
    { op: 'put', key: 0, n: 0 },
    { op: 'put-some', key: 0, n: 0 },
  ],
]

const backends = {
  'a cache of one row': cached,
  'few of its timers in memory': cachedTimers,
  'maps that lie apart nearly at once': cachedApart,
  'most rows in files of values': cachedOver(
    new SeparatedStores(new MemoryStores(), {
      clock: immediateClock,
      files: () => new MemoryValueFiles(),
      limits: { apartBytesMin: 12, segmentBytes: 300, sampledBytes: 50 },
    }),
  ),
  'a cache of some entries': cachedOver(new MemoryStores(), { inline: { entriesMax: 3, bytesMax: 150 }, cacheBytes: 3000 }),
}

for (const [what, backend] of Object.entries(backends)) {
  void test(`state over a store, with ${what}, and every checkpoint of it, is what the model says`, async () => {
    let spilled = 0
    const property = modelProperty(backend, ({ states }) => {
      if (states.some((state) => state.versionBelow > 0)) spilled++
    })
    await fc.assert(property, { numRuns: 25, examples: [emptyBetweenRecords] })
    assert.ok(spilled > 0, String(spilled))
  })
}
