// Databases of a checkpoint that are looked through before a start goes on from it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError, nodeClock, type DiskErrorReason } from '@millrace/core'
import type { StoredDatabase } from '../../checkpoint/handles.ts'
import { MemoryStateFiles } from '../../checkpoint/memory.ts'
import type { CheckpointMetadata } from '../../checkpoint/metadata/metadata.ts'
import { MemoryStores } from '../../state/rocksdb/memory-stores.ts'
import type { OrderedStore, OrderedStores } from '../../state/rocksdb/ordered-store.ts'
import type { StoresAside } from '../storage/state-backend.ts'
import { findDatabaseDamage } from './unchecked-databases.ts'

const database: StoredDatabase = {
  format: 'rocksdb',
  keyGroups: { first: 0, end: 1 },
  rows: 1,
  header: new Uint8Array(0),
  shared: [{ name: '000008.sst', path: 'shared/1-1-1-0-000008-sst', length: 10 }],
  own: { path: 'shared/1-1-1-0-own', length: 0, crc32: 0, parts: [] },
}

/** A checkpoint of so many subtasks. */
function metadataOf(subtasks: number): CheckpointMetadata {
  const operator = { stateId: 'a', kind: 'keyed-process', name: 'a', maxParallelism: 1, parallelism: subtasks, states: [] } as const
  const keyed = Array.from({ length: subtasks }, () => ({ keyed: [], database }))
  return {
    jobName: 'j',
    fingerprint: 'f',
    params: {},
    checkpointId: 1,
    kind: 'checkpoint',
    attempt: 1,
    triggeredMs: 0,
    operators: [{ ...operator, subtasks: keyed }],
  }
}

function storesWhose(restore: OrderedStores['restore'], removed = { times: 0 }): StoresAside {
  return { create: () => assert.fail('nothing is made'), restore, removeAll: async () => void removed.times++ }
}

const parts = { storage: new MemoryStateFiles(), clock: nodeClock }

test('what the disk says that a database is put onto for that is no damage of the checkpoint', async () => {
  const failures: readonly (readonly [DiskErrorReason, string])[] = [
    ['no-space', 'STATE_DISK_FULL'],
    ['input-output', 'STATE_DISK_FAILED'],
    ['not-found', 'STATE_DISK_FAILED'],
  ]
  for (const [reason, code] of failures) {
    const fail = async (): Promise<never> => await Promise.reject(new DiskError(reason, 'write', '/state/aside/000008.sst'))
    const openAside = async (): Promise<StoresAside> => storesWhose(fail)
    await assert.rejects(findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } }), { code, who: 'operator' })
    await assert.rejects(findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside: fail } }), { code, who: 'operator' })
  }
})

test('a file that is damaged is named as the checkpoint has it', async () => {
  const cause = new TypeError('Corruption: block checksum mismatch in /state/aside/000008.sst')
  const openAside = async (): Promise<StoresAside> => storesWhose(async () => await Promise.reject(cause))
  const damage = await findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } })
  assert.equal(damage?.problem, `shared/1-1-1-0-000008-sst: ${cause.message}`)
})

/** A store that is looked through for ever, and what becomes of it. */
function endless(whenRead: (rows: number) => void): readonly [OrderedStore, { rows: number; closed: boolean }] {
  const seen = { rows: 0, closed: false }
  const empty = new MemoryStores().create()
  const scan = { next: () => (whenRead(++seen.rows), true), key: new Uint8Array(0), value: new Uint8Array(0), close: () => {} }
  const store = Object.assign(Object.create(empty) as OrderedStore, { scan: () => scan, close: async () => void (seen.closed = true) })
  return [store, seen]
}

test('a job that is to end does not look through the rest, and leaves nothing behind', async () => {
  const stopping = new AbortController()
  const removed = { times: 0 }
  const [store, seen] = endless((rows) => {
    if (rows === 1_000) stopping.abort()
  })
  let restored = 0
  const openAside = async (): Promise<StoresAside> => storesWhose(async () => (restored++, store), removed)
  const looking = findDatabaseDamage(metadataOf(3), { ...parts, stateBackend: { openAside } }, stopping.signal)
  await assert.rejects(looking, { code: 'JOB_START_GIVEN_UP' })
  assert.deepEqual([restored, seen.closed, removed.times], [1, true, 1])
  const again = findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } }, stopping.signal)
  await assert.rejects(again, { code: 'JOB_START_GIVEN_UP' })
  assert.equal(restored, 1, 'nothing is put aside any more')
  assert.equal(await findDatabaseDamage(metadataOf(0), { ...parts, stateBackend: { openAside } }, stopping.signal), undefined)
})

test('a job that is to end takes nothing for damaged, and reads no more files', async () => {
  const removed = { times: 0 }
  let stopping = new AbortController()
  const interrupted: OrderedStores['restore'] = async (_, files) => {
    stopping.abort()
    for (const file of files) {
      if ((await file.link?.('/aside/file')) === true) assert.fail('it is linked')
      for await (const chunk of file.read()) assert.fail(`it is read: ${chunk.length}`)
    }
    return assert.fail('it goes on')
  }
  const damaged: OrderedStores['restore'] = async () => {
    stopping.abort()
    throw new TypeError('half of it is not there')
  }
  for (const restore of [interrupted, damaged]) {
    stopping = new AbortController()
    const openAside = async (): Promise<StoresAside> => storesWhose(restore, removed)
    const looking = findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } }, stopping.signal)
    await assert.rejects(looking, { code: 'JOB_START_GIVEN_UP' })
  }
  assert.equal(removed.times, 2)
})

test('what was put aside goes also where it is damaged', async () => {
  const removed = { times: 0 }
  const openAside = async (): Promise<StoresAside> => storesWhose(async () => await Promise.reject(new TypeError('damaged')), removed)
  assert.equal((await findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } }))?.problem, 'damaged')
  assert.equal(removed.times, 1)
})
