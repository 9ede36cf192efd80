/**
 * Copying a log into another one, which follows it as a replica follows its leader: batch by batch, with the offsets they have.
 *
 * 1. A copy that is followed into is a prefix of its log: below its end it has every batch that the log has, byte for byte. What compaction or
 *    retention took away before it was copied is not in it, so the log must not be compacted meanwhile (a tombstone could go before what it
 *    deletes is copied).
 * 2. A copy of a former life may have more than its log, or other batches than it, where a crash took from the log what was copied already; and
 *    what is to follow may have been compacted since. `agree` brings (1) about again, before anything follows.
 * 3. `conclude` makes both the same in all that the records alone do not tell.
 */
import assert from 'node:assert'
import { BatchCursor } from '../../records/batch-cursor.ts'
import { logError } from '../../errors.ts'
import type { EpochEnd } from './leader-epochs.ts'
import type { PartitionLog } from './partition-log.ts'
import { readRanges } from './read-plan.ts'

const CHUNK_BYTES_MAX = 1024 * 1024

/** Up to where a log was compacted, as its directory notes it: undefined if never, 0 if a crash left that open. */
export interface CompactedUpTo {
  readonly now: number | undefined
  /** When its copy was last followed into. */
  readonly whenCopied: number | undefined
}

/**
 * Takes from a copy, which may be of a former life, what is not in its log: all that lies behind where their leader epochs part (KIP-101). Where the log
 * has been compacted beyond the copy's end, or nothing tells that it has not, the copy begins anew. Gives the offset at which it goes on.
 * @throws as `PartitionLog.truncateTo`
 */
export async function agree(log: PartitionLog, copy: PartitionLog, compacted: CompactedUpTo): Promise<number> {
  if (copy.sizeBytes === 0) return copy.logEndOffset
  const isShort = copy.firstSegmentOffset > log.logStartOffset
  if (isShort || isCompactedBeyond(copy.logEndOffset, compacted)) await copy.truncateFullyAndStartAt(log.logStartOffset)
  while (copy.sizeBytes > 0) {
    const latest = copy.latestEpoch
    const { epoch, endOffset } = latest === undefined ? NOWHERE : log.endOffsetOfEpoch(latest)
    if (endOffset === undefined || epoch === undefined) await copy.truncateFullyAndStartAt(log.logStartOffset)
    else if (epoch === latest) {
      await copy.truncateTo(endOffset)
      break
    } else await copy.truncateTo(Math.min(endOffset, copy.endOffsetOfEpoch(epoch).endOffset!))
  }
  return copy.logEndOffset
}

const NOWHERE: EpochEnd = { epoch: undefined, endOffset: undefined }

/** Whether records may have gone that only what the copy does not have yet made superfluous. What is below `whenCopied` had been compacted when it was copied. */
function isCompactedBeyond(copyEnd: number, { now, whenCopied }: CompactedUpTo): boolean {
  if (now === 0) return true
  return now !== whenCopied && (now === undefined || now > copyEnd)
}

export interface FollowOptions {
  /** Asked before every chunk. */
  readonly isStopped: () => boolean
  /** Copied at a time, unless a batch is larger; 1 MiB at most and by default. */
  readonly chunkBytes?: number
  /** Waited for after a chunk of so many bytes. */
  readonly pace?: (bytes: number) => Promise<void>
}

/** Copies what lies below the log's present end and is not in the copy yet, unless it is stopped. @throws as `PartitionLog.read` and `append` */
export async function follow(
  log: PartitionLog,
  copy: PartitionLog,
  { isStopped, chunkBytes = CHUNK_BYTES_MAX, pace }: FollowOptions,
): Promise<void> {
  const end = log.logEndOffset
  while (copy.logEndOffset < end && !isStopped()) {
    if (copy.logEndOffset < log.logStartOffset) await copy.truncateFullyAndStartAt(log.logStartOffset)
    else {
      const bytes = await copyChunk(log, copy, Math.min(chunkBytes, CHUNK_BYTES_MAX))
      await pace?.(bytes)
    }
  }
}

/** Gives the bytes copied. */
async function copyChunk(log: PartitionLog, copy: PartitionLog, maxBytes: number): Promise<number> {
  const startOffset = copy.logEndOffset
  const plan = await log.read({ startOffset, maxBytes, isolation: 'log-end', minOneBatch: true })
  const bytes = await readRanges(plan).finally(() => plan.release())
  const cursor = new BatchCursor(bytes, { verifyCrc: true })
  const first = cursor.next()
  if (first === undefined) {
    throw logError('STORAGE_CORRUPT', { path: log.directory, problem: `there is no sound batch at offset ${startOffset}` })
  }
  // The start of a log may lie inside of a batch, which belongs to it as a whole.
  if (first.baseOffset < startOffset) {
    assert.ok(startOffset <= log.logStartOffset || copy.sizeBytes === 0, 'a copy ends where a batch of its log does')
    await copy.truncateFullyAndStartAt(first.baseOffset)
  }
  while (cursor.next() !== undefined);
  await copy.append(bytes.subarray(0, cursor.position), { origin: 'replication' })
  return cursor.position
}

/** Makes the copy, which has all the records, the same also in producers and epochs whose records are gone, and in its start. Nobody appends meanwhile. */
export async function conclude(log: PartitionLog, copy: PartitionLog): Promise<void> {
  const end = copy.logEndOffset
  assert.ok(end === log.logEndOffset, 'the copy has all the records')
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
