/** Whose a log directory is. */
import { posix } from 'node:path'
import type { Disk, Random } from '@millrace/core'
import { logError } from '../../errors.ts'
import { metaPropertiesName, readMetaProperties, writeMetaProperties, type MetaProperties } from '../checkpoints/meta-properties.ts'

export interface Owner {
  readonly clusterId: string
  readonly brokerId: number
}

/** Checks whose the directory is; a new one becomes ours. @throws STORAGE_DIRECTORY_OF_OTHER, STORAGE_CORRUPT */
export async function claimDirectory(disk: Disk, path: string, { clusterId, brokerId }: Owner, random: Random): Promise<MetaProperties> {
  const metaPath = posix.join(path, metaPropertiesName)
  const found = await readMetaProperties(disk, metaPath)
  if (found === undefined) {
    const directoryId = Buffer.from(random.bytes(16)).toString('base64url')
    const meta: MetaProperties = { version: 1, clusterId, brokerId, directoryId }
    await writeMetaProperties(disk, metaPath, meta)
    return meta
  }
  const isOthers = (found.clusterId ?? clusterId) !== clusterId || (found.brokerId ?? brokerId) !== brokerId
  if (isOthers) {
    const describe = (cluster: string | undefined, broker: number | undefined): string => `broker ${broker} of cluster ${cluster}`
    throw logError('STORAGE_DIRECTORY_OF_OTHER', {
      path,
      found: describe(found.clusterId, found.brokerId),
      expected: describe(clusterId, brokerId),
    })
  }
  return found
}
