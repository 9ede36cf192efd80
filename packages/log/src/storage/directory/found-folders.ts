/** What the last owner of a log directory has left in it. */
import { posix } from 'node:path'
import type { Disk } from '@millrace/core'
import {
  clusterMetadataTopic,
  isDeletedDirectoryName,
  parseFutureDirectoryName,
  parsePartitionDirectoryName,
  type TopicPartition,
} from '../names.ts'

export interface FoundFolders {
  /** Partitions with a log. */
  readonly found: TopicPartition[]
  /** Those that were on their way here from another directory, by the names of their folders. */
  readonly futures: Map<string, TopicPartition>
}

/** The folders of logs, and of those on their way here. What was being removed is removed. */
export async function findFolders(disk: Disk, path: string): Promise<FoundFolders> {
  const found: TopicPartition[] = []
  const futures = new Map<string, TopicPartition>()
  for (const name of await disk.list(path)) {
    const partition = parsePartitionDirectoryName(name)
    const future = parseFutureDirectoryName(name)
    if (isDeletedDirectoryName(name)) await disk.removeTree(posix.join(path, name))
    else if (future !== undefined) futures.set(name, future)
    else if (
      partition !== undefined &&
      partition.topic !== clusterMetadataTopic &&
      (await disk.stat(posix.join(path, name))).kind === 'directory'
    )
      found.push(partition)
  }
  return { found, futures }
}
