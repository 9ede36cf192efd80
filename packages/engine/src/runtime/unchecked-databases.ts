/**
 * Databases in a checkpoint with files that have no checksum, as they were taken over from where the database had written them. It sees itself whether they are whole,
 * and is read once for that: before sinks undo what they have staged for newer checkpoints, for then there is no going back to an older one.
 */
import type { Clock } from '@millrace/core'
import type { StoredDatabase } from '../checkpoint/handles.ts'
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { damageOf, isDamage } from '../checkpoint/storage-errors.ts'
import { readThrough } from '../state/rocksdb/read-through.ts'
import { storedFiles } from './database-snapshots.ts'
import type { StateBackend } from './state-backend.ts'

export interface DatabaseCheck {
  readonly storage: StateFileStorage
  /** Undefined: the heap, which reads no database. */
  readonly stateBackend?: Pick<StateBackend, 'openAside'> | undefined
  readonly clock: Pick<Clock, 'monotonic' | 'soon'>
}

/** What is wrong with them, if anything is. */
export async function findDatabaseDamage(metadata: CheckpointMetadata, check: DatabaseCheck): Promise<string | undefined> {
  const databases = metadata.operators.flatMap(({ subtasks }) => subtasks.flatMap(({ database }) => database ?? []))
  try {
    for (const database of databases.filter(isUnchecked)) await read(database, check)
    return undefined
  } catch (error) {
    if (isDamage(error)) return damageOf(error)
    throw error
  }
}

function isUnchecked({ shared }: StoredDatabase): boolean {
  return shared.some(({ crc32 }) => crc32 === undefined)
}

/** @throws TypeError, CHECKPOINT_DAMAGED if it is damaged */
async function read(database: StoredDatabase, { storage, stateBackend, clock }: DatabaseCheck): Promise<void> {
  const stores = await stateBackend?.openAside?.()
  const store = await stores?.restore('database', storedFiles(storage, database))
  if (store === undefined) return
  try {
    await readThrough(store, clock)
  } finally {
    await store.close()
  }
}
