/** Where the files of a snapshot go: to those of the checkpoints, into the folder of a savepoint, or both. */
import type { Disk } from '@millrace/core'
import type { SavepointTarget } from '../../checkpoint/coordinator/coordinator-events.ts'
import { FilesystemStateFiles } from '../../checkpoint/filesystem/state-files.ts'
import type { StateFileStorage, StateWriterIdentity } from '../../checkpoint/storage.ts'
import { TeeStateFile } from '../../checkpoint/filesystem/tee-state-file.ts'
import type { CreateFile } from './database-snapshots.ts'

export interface SnapshotPlaces {
  readonly identity: StateWriterIdentity
  readonly storage: StateFileStorage
  /** Where savepoints go. */
  readonly disk: Disk
}

/** What begins the files of a snapshot. */
export function snapshotFiles(
  { identity, storage, disk }: SnapshotPlaces,
  checkpointId: number,
  savepoint: SavepointTarget | undefined,
): CreateFile {
  const own: CreateFile = (name) => storage.createStateFile(identity, checkpointId, name)
  if (savepoint === undefined) return own
  // A file that is in two places is one in each: what travels with its handle would be in one of them only.
  const files = storage.inFolder?.(savepoint.dir, savepoint.isCheckpoint ? 0 : undefined) ?? new FilesystemStateFiles(disk, savepoint.dir)
  const apart: CreateFile = (name) => files.createStateFile(identity, checkpointId, name)
  if (!savepoint.isCheckpoint) return apart
  return (name) =>
    TeeStateFile.create(
      () => own(name),
      () => apart(name),
    )
}
