/**
 * Databases in a checkpoint with files that have no checksum, as they were taken over from where the database had written them. It sees itself whether they are whole,
 * and is read once for that: before sinks undo what they have staged for newer checkpoints, for then there is no going back to an older one.
 */
import type { Clock } from '@millrace/core'
import type { StoredDatabase } from '../checkpoint/handles.ts'
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { damageOf, isDamage } from '../checkpoint/storage-errors.ts'
import type { OrderedStores } from '../state/rocksdb/ordered-store.ts'
import { readThrough } from '../state/rocksdb/read-through.ts'
import { storedFiles } from './database-snapshots.ts'

/** What is wrong with them, if anything is. */
export async function findDatabaseDamage(
  { operators }: CheckpointMetadata,
  storage: StateFileStorage,
  openAside: () => Promise<OrderedStores>,
  clock: Pick<Clock, 'monotonic' | 'soon'>,
): Promise<string | undefined> {
  for (const { subtasks } of operators) {
    for (const { database } of subtasks) {
      const problem = database === undefined || !isUnchecked(database) ? undefined : await damageIn(database)
      if (problem !== undefined) return problem
    }
  }
  return undefined

  async function damageIn(database: StoredDatabase): Promise<string | undefined> {
    try {
      const store = await (await openAside()).restore('database', storedFiles(storage, database))
      try {
        await readThrough(store, clock)
      } finally {
        await store.close()
      }
      return undefined
    } catch (error) {
      if (isDamage(error)) return damageOf(error)
      throw error
    }
  }
}

function isUnchecked({ shared }: StoredDatabase): boolean {
  return shared.some(({ crc32 }) => crc32 === undefined)
}
