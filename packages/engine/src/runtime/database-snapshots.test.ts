import assert from 'node:assert/strict'
import { test } from 'node:test'
import { value, type ValueState } from '../api/state.ts'
import { hashKey } from '../keys/hash.ts'
import { CachedState } from '../state/rocksdb/cached-state.ts'
import { MemoryStores } from '../state/rocksdb/memory-stores.ts'
import { DatabaseSnapshots } from './database-snapshots.ts'

const keyGroups = { first: 0, end: 4 }

void test('a snapshot that was given up asks for no files any more: they may be gone', async () => {
  const stores = new MemoryStores()
  const asked: string[] = []
  const open = (): ReturnType<MemoryStores['create']> => {
    const store = stores.create()
    const checkpoint = store.checkpoint.bind(store)
    store.checkpoint = async () => {
      await checkpoint()
      return {
        files: async () => (asked.push('files'), []),
        release: async () => void asked.push('release'),
      }
    }
    return store
  }
  const state = new CachedState({ operator: 'test', states: { n: value<number>() }, maxParallelism: 4, keyGroups }, { cacheBytes: 1, open })
  for (let key = 0; key < 2_000; key++) {
    state.use(key, hashKey(key))
    const n = state.handles['n'] as ValueState<number>
    n.set(key)
  }
  const snapshots = new DatabaseSnapshots({ state, stores, name: 'one', keyGroups })
  const snapshot = snapshots.begin(1, () => assert.fail('a file is begun'))!
  await snapshot.abort()
  await assert.rejects(snapshot.finish(), /the snapshot was given up/)
  assert.ok(!asked.includes('files'))
  assert.ok(asked.includes('release'))
})
