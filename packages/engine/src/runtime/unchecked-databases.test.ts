// Databases of a checkpoint that are looked through before a start goes on from it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskError, nodeClock, type DiskErrorReason } from '@millrace/core'
import type { StoredDatabase } from '../checkpoint/handles.ts'
import { MemoryStateFiles } from '../checkpoint/memory.ts'
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { OrderedStores } from '../state/rocksdb/ordered-store.ts'
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

function storesWhose(restore: OrderedStores['restore']): OrderedStores {
  return { create: () => assert.fail('nothing is made'), restore }
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
    const openAside = async (): Promise<OrderedStores> => storesWhose(fail)
    await assert.rejects(findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } }), { code, who: 'operator' })
    await assert.rejects(findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside: fail } }), { code, who: 'operator' })
  }
})

test('a file that is damaged is named as the checkpoint has it', async () => {
  const cause = new TypeError('Corruption: block checksum mismatch in /state/aside/000008.sst')
  const openAside = async (): Promise<OrderedStores> => storesWhose(async () => await Promise.reject(cause))
  const damage = await findDatabaseDamage(metadataOf(1), { ...parts, stateBackend: { openAside } })
  assert.equal(damage?.problem, `shared/1-1-1-0-000008-sst: ${cause.message}`)
})
