// The model of keyed state over RocksDB itself, with maps that lie apart from their rows nearly at once, and few timers in memory.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nodeClock, nodeDisk } from '@millrace/core'
import * as fc from 'fast-check'
import { modelProperty } from '../fixtures/keyed-state-model.ts'
import { cachedOver, tinyLimits } from '../fixtures/model-backends.ts'
import type { Step } from '../fixtures/model-steps.ts'
import type { CachedState } from './cached-state.ts'
import { RocksdbStores } from './rocksdb-stores.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-apart-maps-'))
after(() => rmSync(folder, { recursive: true }))

/** More than one row is used, and they are written down until the database is ahead of memory: random runs alone need not come to that. */
const spills: [number, Step[]] = [
  1,
  [
    { op: 'put-many', key: 1, n: 0 },
    { op: 'put-some', key: 2, n: 3 },
    { op: 'settle', rows: 9 },
    { op: 'count', key: 3, n: 1 },
    { op: 'settle', rows: 9 },
  ],
]

void test('state over RocksDB, with maps apart from their rows, and every checkpoint of it, is what the model says', async () => {
  const stores = await RocksdbStores.open(
    { disk: nodeDisk, clock: nodeClock },
    folder,
    { attempt: 1, oldestAttempt: 1, region: 0, slot: 0 },
    {
      blockCacheBytes: 1 << 20,
      writeBufferBytes: 64 * 1024,
    },
  )
  let spilled = 0
  const created: CachedState[] = []
  const property = modelProperty(
    cachedOver(stores, { inline: tinyLimits, timers: { readAtOnce: 2, lookedAtOnce: 3, timersMax: 3 }, created }),
    async ({ states }) => {
      if (states.some((state) => state.versionBelow > 0)) spilled++
      for (const state of created.splice(0)) await state.close()
    },
  )
  await fc.assert(property, { numRuns: 4, examples: [spills] })
  assert.ok(spilled > 0, String(spilled))
})

void test('keys of any length, with scans begun before and after the first long one', async () => {
  const stores = await RocksdbStores.open({ disk: nodeDisk, clock: nodeClock }, folder, {
    attempt: 2,
    oldestAttempt: 1,
    region: 0,
    slot: 0,
  })
  const store = stores.create('long')
  const keyOf = (n: number): Buffer => Buffer.from(`${String(n).padStart(3, '0')}${'k'.repeat(n * 200)}`)
  for (let n = 0; n < 100; n++) store.put(keyOf(n), Buffer.from(`value ${n}`))
  const short = store.scan(keyOf(0), undefined)
  for (let n = 0; n < 50; n++) assert.ok(short.next())
  const long = store.scan(keyOf(60), keyOf(90))
  for (let n = 60; n < 90; n++) {
    assert.ok(long.next())
    assert.equal(Buffer.compare(long.key, keyOf(n)), 0)
    assert.ok(short.next())
    assert.equal(Buffer.compare(short.key, keyOf(n - 10)), 0)
    assert.equal(Buffer.from(short.value).toString(), `value ${n - 10}`)
    assert.equal(Buffer.from(store.get(keyOf(n))!).toString(), `value ${n}`)
  }
  assert.equal(long.next(), false)
  long.close()
  short.close()
  await store.close()
})
