/**
 * Copying a log into another one, which follows it as a replica follows its leader: batch by batch, with the offsets they have.
 *
 * 1. `follow` gives a prefix of the log at any time; batches that compaction or retention took away are not in it, so the log must not be
 *    compacted meanwhile (a tombstone could go before what it deletes is copied).
 * 2. `conclude` makes both the same in all that the records alone do not tell.
 */
import { BatchCursor } from '../../records/batch-cursor.ts'
import { logError } from '../../errors.ts'
import type { PartitionLog } from './partition-log.ts'
import { readRanges } from './read-plan.ts'

const CHUNK_BYTES = 1024 * 1024

export interface FollowOptions {
  /** Asked before every chunk. */
  readonly isStopped: () => boolean
  /** Waited for after a chunk of so many bytes. */
  readonly pace?: (bytes: number) => Promise<void>
}

/** Copies what lies below the log's present end and is not in the copy yet, unless it is stopped. @throws as `PartitionLog.read` and `append` */
export async function follow(log: PartitionLog, copy: PartitionLog, { isStopped, pace }: FollowOptions): Promise<void> {
  const end = log.logEndOffset
  while (copy.logEndOffset < end && !isStopped()) {
    if (copy.logEndOffset < log.logStartOffset) await copy.truncateFullyAndStartAt(log.logStartOffset)
    else {
      const bytes = await copyChunk(log, copy)
      await pace?.(bytes)
    }
  }
}

/** Gives the bytes copied. */
async function copyChunk(log: PartitionLog, copy: PartitionLog): Promise<number> {
  const startOffset = copy.logEndOffset
  const plan = await log.read({ startOffset, maxBytes: CHUNK_BYTES, isolation: 'log-end', minOneBatch: true })
  const bytes = await readRanges(plan).finally(() => plan.release())
  const cursor = new BatchCursor(bytes, { verifyCrc: true })
  const first = cursor.next()
  if (first === undefined) {
    throw logError('STORAGE_CORRUPT', { path: log.directory, problem: `there is no sound batch at offset ${startOffset}` })
  }
  // The start of a log may lie inside of a batch, which belongs to it as a whole.
  if (first.baseOffset < startOffset) await copy.truncateFullyAndStartAt(first.baseOffset)
  while (cursor.next() !== undefined);
  await copy.append(bytes.subarray(0, cursor.position), { origin: 'replication' })
  return cursor.position
}

/** Makes the copy, which has all the records, the same also in producers and epochs whose records are gone, and in its start. Nobody appends meanwhile. */
export async function conclude(log: PartitionLog, copy: PartitionLog): Promise<void> {
  const end = copy.logEndOffset
  await copy.structural(() => {
    const { producers, epochs, snapshotOffsets } = copy.state
    producers.load([...log.state.producers.entries()], end)
    epochs.restore(log.epochs)
    // One that was taken there before would be less than what is known now.
    snapshotOffsets.delete(end)
    return Promise.resolve()
  })
  await copy.raiseLogStart(log.logStartOffset)
  copy.raiseHighWatermark(end)
}
