import { nodeClock, nodeDisk, nodeRandom, resolveOptions, type Clock, type Disk, type Random } from '@millrace/core'
import { readNamed } from '../checkpoint/foreign-checkpoint.ts'
import type { CheckpointMetadata } from '../checkpoint/metadata/metadata.ts'
import { checkpointPlace, isCheckpointUrl } from '../checkpoint/object-store/checkpoint-url.ts'
import { readNamedObject } from '../checkpoint/object-store/foreign-object.ts'
import { RemotePlaces } from '../checkpoint/object-store/remote-places.ts'
import { RoutedStateFiles } from '../checkpoint/object-store/routed-storage.ts'
import { FilesystemSavepoints } from '../checkpoint/savepoints.ts'
import { FilesystemStateFiles } from '../checkpoint/filesystem/state-files.ts'
import type { StateFileStorage } from '../checkpoint/storage.ts'
import { engineOptionTable, type EngineOptionInput, type ResolvedEngineOptions } from '../config/options.ts'

/** How snapshots are reached that are no business of a running job. */
export interface SnapshotAccess {
  /** Options of S3 and HDFS, under `checkpointing`; and `stateDir`. */
  readonly options?: EngineOptionInput
  /** The same, resolved; wins. */
  readonly settings?: ResolvedEngineOptions
  /** Where paths are looked up; this machine's by default. `TestSavepoint.disk` for savepoints of `testJob`. */
  readonly disk?: Disk
  /** Time for retries and time-outs of S3 and HDFS; this machine's by default. */
  readonly clock?: Clock
  /** For names that must not clash; this machine's by default. */
  readonly random?: Random
}

export const snapshotAccessNames: readonly (keyof SnapshotAccess)[] = ['options', 'settings', 'disk', 'clock', 'random']

export interface SnapshotPorts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly places: RemotePlaces
  /** Reads state files by absolute paths and URLs. */
  readonly files: RoutedStateFiles
  readonly savepoints: FilesystemSavepoints
}

export function settingsOf({ settings, options }: SnapshotAccess): ResolvedEngineOptions {
  return settings ?? resolveOptions(engineOptionTable, options === undefined ? {} : { code: options })
}

export function snapshotPorts(access: SnapshotAccess = {}): SnapshotPorts {
  const { disk = nodeDisk, clock = nodeClock, random = nodeRandom } = access
  const { checkpointing } = settingsOf(access).values
  const { s3, hdfs, requestTimeout } = checkpointing
  const places = new RemotePlaces({ s3, hdfs, requestTimeoutMs: requestTimeout }, { clock, random })
  const files = new RoutedStateFiles(new FilesystemStateFiles(disk, '/'), { places, disk })
  return { disk, clock, random, places, files, savepoints: new FilesystemSavepoints({ disk, notes: undefined, places }) }
}

export interface FoundSnapshot {
  readonly metadata: CheckpointMetadata
  /** Its folder, absolute, or its URL. */
  readonly path: string
  /** Where its state files are read, by the paths in the metadata. */
  readonly files: StateFileStorage
}

/** @throws CHECKPOINT_NOT_FOUND, CHECKPOINT_DAMAGED, CHECKPOINT_FORMAT_UNKNOWN, CHECKPOINT_STORAGE_*, CHECKPOINT_URL_INVALID */
export async function findSnapshot(named: string, { disk, places, files }: SnapshotPorts): Promise<FoundSnapshot> {
  const path = checkpointPlace(named)
  if (isCheckpointUrl(path)) {
    const { metadata, folder, base } = await readNamedObject(places, path)
    return { metadata, path: folder.url, files: files.inFolder(base.url) }
  }
  const { metadata, folder, base } = await readNamed(disk, path)
  // Small files of a savepoint from a store of objects are in its metadata.
  return { metadata, path: folder, files: new RoutedStateFiles(new FilesystemStateFiles(disk, base), { places, disk }) }
}
