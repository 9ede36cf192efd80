import assert from 'node:assert/strict'
import { test } from 'node:test'
import { value } from '../../api/state.ts'
import { hashKey } from '../../keys/hash.ts'
import { schemaOf } from '../rows/schema.ts'
import type { StateCleaner } from '../state-cleaner.ts'
import { BelowCleaner } from './below-cleaner.ts'
import type { CachedStore } from './cached-store.ts'
import { entriesFrom } from './entry-encoder.ts'
import { MemoryStores } from './memory-stores.ts'
import { RowEncoder, rowsFrom } from './row-encoder.ts'
import { StoredBelow } from './stored-below.ts'

const HASHES = 2 ** 32

void test('a row is looked at as it is below, though looking at the one before has changed it there', () => {
  const stores = new MemoryStores()
  const below = new StoredBelow({ operator: 'test', open: () => stores.create() }, new RowEncoder(schemaOf('test', { n: value<number>() })))
  for (let key = 0; key < 4; key++) below.put(key, hashKey(key), Buffer.from(`${key} as it was`), true)
  const seen: string[] = []
  // The least of a store that a sweep over rows needs: its first visit makes room, for which all others are written or removed.
  const store = {
    below,
    visit(key: number, _hash: number, stored: Uint8Array) {
      if (seen.length === 0) {
        for (const other of [0, 1, 2, 3].filter((each) => each !== key))
          below.put(other, hashKey(other), Buffer.from(`${other} as it is`), false)
        below.delete(3 - key, hashKey(3 - key))
      }
      seen.push(Buffer.from(stored).toString())
    },
  } as unknown as CachedStore
  const ranges = [
    { from: rowsFrom(0), end: rowsFrom(HASHES) },
    { from: entriesFrom(0), end: entriesFrom(HASHES) },
  ] as const
  new BelowCleaner(store, { mapsExpire: false } as StateCleaner, ranges).step(100)
  const first = Number(seen[0]![0])
  const others = [0, 1, 2, 3].filter((key) => key !== first && key !== 3 - first)
  assert.deepEqual(seen.toSorted(), [`${first} as it was`, ...others.map((key) => `${key} as it is`)].toSorted())
})
