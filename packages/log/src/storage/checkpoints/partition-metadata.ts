import type { Disk } from '@millrace/core'
import { logError } from '../../errors.ts'
import { readIfPresent, writeAtomically } from './atomic-file.ts'

export const partitionMetadataName = 'partition.metadata'

/** Stores the topic's id beside its log. `topicId` is Kafka's form: 16 bytes in base64url without padding. */
export async function writePartitionMetadata(disk: Disk, path: string, topicId: string): Promise<void> {
  await writeAtomically(disk, path, Buffer.from(`version: 0\ntopic_id: ${topicId}`))
}

/** The topic's id, or undefined if there is no such file. @throws `STORAGE_CORRUPT` */
export async function readPartitionMetadata(disk: Disk, path: string): Promise<string | undefined> {
  const bytes = await readIfPresent(disk, path)
  if (bytes === undefined) return undefined
  const match = /^version:\s*0\r?\ntopic_id:\s*([A-Za-z0-9_-]{22})\s*$/.exec(Buffer.from(bytes).toString('utf8'))
  if (match === null) throw logError('STORAGE_CORRUPT', { path, problem: 'no topic id' })
  return match[1]!
}
