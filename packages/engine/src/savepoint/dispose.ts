import { disposeSavepoint } from '../checkpoint/savepoints.ts'
import { checkpointPlace } from '../checkpoint/object-store/checkpoint-url.ts'
import { snapshotPorts, type SnapshotAccess } from './snapshot-place.ts'

/**
 * Removes a savepoint: a folder, or a URL of S3 or HDFS. Answers where it was.
 *
 * @throws CHECKPOINT_NOT_FOUND, SAVEPOINT_IS_CHECKPOINT for a checkpoint, which belongs to its job; CHECKPOINT_DAMAGED, CHECKPOINT_STORAGE_*
 */
export async function removeSavepoint(path: string, access?: SnapshotAccess): Promise<string> {
  const { disk, places } = snapshotPorts(access)
  return await disposeSavepoint(disk, checkpointPlace(path), places)
}
