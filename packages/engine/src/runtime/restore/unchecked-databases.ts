/**
 * Databases in a checkpoint with files that have no checksum, as they were taken over from where the database had written them. It sees itself whether they are whole,
 * and is read once for that: before sinks undo what they have staged for newer checkpoints, for then there is no going back to an older one.
 */
import { messageOf, MillraceError, type Clock } from '@millrace/core'
import type { StoredDatabase } from '../../checkpoint/handles.ts'
import type { CheckpointMetadata } from '../../checkpoint/metadata/metadata.ts'
import { startGivenUp } from '../../checkpoint/start-given-up.ts'
import type { Damage, StateFileStorage } from '../../checkpoint/storage.ts'
import { damageBy, isDamage } from '../../checkpoint/storage-errors.ts'
import { engineError } from '../../errors.ts'
import type { StoredFile } from '../../state/rocksdb/ordered-store.ts'
import { readThrough } from '../../state/rocksdb/read-through.ts'
import { withStateDiskErrors } from '../../state/rocksdb/state-disk-errors.ts'
import { storedFiles } from '../snapshot/database-snapshots.ts'
import type { StateBackend } from '../storage/state-backend.ts'

export interface DatabaseCheck {
  readonly storage: StateFileStorage
  /** Undefined: the heap, which reads no database. */
  readonly stateBackend?: Pick<StateBackend, 'openAside'> | undefined
  readonly clock: Pick<Clock, 'monotonic' | 'soon'>
}

/** What is wrong with them, if anything is. @throws JOB_START_GIVEN_UP from `stopped` on: nothing is known then; STATE_DISK_*; CHECKPOINT_STORAGE_* */
export async function findDatabaseDamage(
  metadata: CheckpointMetadata,
  check: DatabaseCheck,
  stopped?: AbortSignal,
): Promise<Damage | undefined> {
  const databases = metadata.operators.flatMap(({ subtasks }) => subtasks.flatMap(({ database }) => database ?? []))
  for (const database of databases.filter(isUnchecked)) {
    try {
      stopped?.throwIfAborted()
      // Of the storage of checkpoints this is not: what that says has codes of its own.
      await withStateDiskErrors(() => lookThrough(database, check, stopped))
    } catch (error) {
      // What was only half put aside looks damaged.
      if (stopped?.aborted === true) throw startGivenUp(metadata, error)
      if (isDamage(error)) return damageBy(ofStoredFile(error, database))
      throw error
    }
  }
  return undefined
}

/** The database speaks of a file by its own name for it, in a folder that is gone by then. */
function ofStoredFile(error: unknown, { shared }: StoredDatabase): unknown {
  const problem = messageOf(error)
  const file = error instanceof MillraceError ? undefined : shared.find(({ name }) => problem.includes(name))
  return file === undefined ? error : engineError('CHECKPOINT_DAMAGED', { path: file.path, problem }, error)
}

function isUnchecked({ shared }: StoredDatabase): boolean {
  return shared.some(({ crc32 }) => crc32 === undefined)
}

/** @throws TypeError, CHECKPOINT_DAMAGED if it is damaged; the reason of `stopped` */
async function lookThrough(
  database: StoredDatabase,
  { storage, stateBackend, clock }: DatabaseCheck,
  stopped: AbortSignal | undefined,
): Promise<void> {
  const aside = await stateBackend?.openAside?.()
  if (aside === undefined) return
  try {
    const files = storedFiles(storage, database).map((file) => unlessStopped(file, stopped))
    const store = await aside.restore('database', files)
    try {
      await readThrough(store, clock, stopped)
    } finally {
      await store.close()
    }
  } finally {
    // What cannot be removed now goes before anybody looks at something else.
    await aside.removeAll().catch(() => {})
  }
}

/** The same file, which from then on is neither linked nor read. */
function unlessStopped(file: StoredFile, stopped: AbortSignal | undefined): StoredFile {
  return {
    name: file.name,
    link: async (path) => {
      stopped?.throwIfAborted()
      return (await file.link?.(path)) === true
    },
    read: async function* () {
      stopped?.throwIfAborted()
      yield* file.read()
    },
  }
}
