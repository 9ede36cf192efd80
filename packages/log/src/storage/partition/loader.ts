/**
 * Opens the log in a partition's folder.
 *
 * 1. After a clean shutdown only the tail of the active segment is looked at. Otherwise every segment from the recovery point on
 *    is read and checked; what is torn or corrupt is cut off there, with all segments behind it, and so are segments behind a gap
 *    above the recovery point: an older one lost its end. Below it a gap was there before the crash, as where Kafka has compacted.
 * 2. When it resolves everything in the log is durable, so that a second crash finds nothing that this recovery did not.
 * 3. Doing it again, also after a crash in the middle, gives the same log.
 * 4. A log that ends before its recovery point is opened as it is, and told of: its next records get offsets that others had.
 */
import { posix } from 'node:path'
import { MillraceError } from '@millrace/core'
import type { LogConfig } from '../config.ts'
import { leaderEpochCheckpointName, readLeaderEpochCheckpoint } from '../checkpoints/leader-epoch-checkpoint.ts'
import { partitionMetadataName, readPartitionMetadata } from '../checkpoints/partition-metadata.ts'
import { segmentFileName, type TopicPartition } from '../names.ts'
import { Segment } from '../segment/segment.ts'
import { Flusher } from './flusher.ts'
import { tidyFolder, type Folder } from './folder.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LogHost, StorageNotice } from './log-host.ts'
import { LogState } from './log-state.ts'
import { recoverProducers } from './producer-recovery.ts'
import { transactionIndexIsSound } from './soundness.ts'
import { recoverSegment } from './segment-recovery.ts'
import { truncateFullyAndStartAt } from './truncation.ts'

export interface LoadOptions {
  readonly partition: TopicPartition
  readonly config: LogConfig
  /** Its folder's name; that of the partition by default. */
  readonly folder?: string
  /** Whether the last owner closed the log. */
  readonly isClean: boolean
  /** From the checkpoints of the log directory; 0 where they say nothing. */
  readonly recoveryPoint: number
  readonly logStartOffset: number
  readonly highWatermark: number
}

export async function loadLog(host: LogHost, options: LoadOptions): Promise<LogState> {
  const state = new LogState(host, options.partition, options.config)
  if (options.folder !== undefined) state.directory = posix.join(host.path, options.folder)
  const folder = await tidyFolder(host.disk, state.directory, options.isClean)
  if (folder.otherNames.has(partitionMetadataName))
    state.topicId = await readPartitionMetadata(host.disk, state.path(partitionMetadataName))
  for (const offset of folder.snapshotOffsets) state.snapshotOffsets.add(offset)
  state.segments = await openSegments(state, folder)
  if (state.segments.length === 0) state.segments = [await state.createSegment(options.logStartOffset)]
  const epochsAreSound = !folder.otherNames.has(leaderEpochCheckpointName) || (await loadEpochs(state))
  const unsoundFrom = await firstToRecover(state, folder, options, epochsAreSound)
  if (unsoundFrom < state.segments.length) await recoverFrom(state, unsoundFrom, options.recoveryPoint)
  await settleEnd(state, options)
  if (unsoundFrom < Infinity) await new Flusher(state).flushLocked()
  else markDurable(state)
  // A log that never had a record was left as it was made.
  state.areNamesDurable = !options.isClean || state.logEndOffset > 0
  return state
}

/** A log in a folder that has just been made, named as the partition unless it is said. Neither survives a crash before its first records are to. */
export async function createEmptyLog(host: LogHost, partition: TopicPartition, config: LogConfig, folder?: string): Promise<LogState> {
  const state = new LogState(host, partition, config)
  if (folder !== undefined) state.directory = posix.join(host.path, folder)
  state.areNamesDurable = false
  state.segments = [await state.createFirstSegment(0)]
  return state
}

async function openSegments(state: LogState, folder: Folder): Promise<Segment[]> {
  const segments: Segment[] = []
  for (const [index, baseOffset] of folder.baseOffsets.entries()) {
    const stat = await state.host.disk.stat(posix.join(state.directory, segmentFileName(baseOffset, 'log')))
    const segment = new Segment(state.host, {
      directory: state.directory,
      baseOffset,
      sizeBytes: stat.size,
      // Of the last segment it is not known before its tail has been looked at.
      nextOffset: folder.baseOffsets[index + 1] ?? Number.MAX_SAFE_INTEGER,
      createdMs: stat.modifiedMs,
      indexIntervalBytes: state.config.indexIntervalBytes,
    })
    segment.hasAborted = folder.transactionIndexes.has(baseOffset)
    segment.syncedBytes = stat.size
    segments.push(segment)
  }
  return segments
}

/** Whether the checkpoint could be read. */
async function loadEpochs(state: LogState): Promise<boolean> {
  const path = state.path(leaderEpochCheckpointName)
  try {
    state.epochs = new LeaderEpochs(await readLeaderEpochCheckpoint(state.host.disk, path))
    return true
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    notice(state, 'checkpoint-ignored', error.message)
    return false
  }
}

/** The first segment that has to be read and checked; Infinity if none has. */
async function firstToRecover(state: LogState, folder: Folder, options: LoadOptions, epochsAreSound: boolean): Promise<number> {
  if (!epochsAreSound) return 0
  const { segments } = state
  for (const [index, segment] of segments.entries()) {
    if (folder.transactionIndexes.has(segment.baseOffset) && !(await transactionIndexIsSound(state.host.disk, segment))) return index
  }
  if (!options.isClean) return Math.max(0, state.segmentIndexFor(options.recoveryPoint))
  const scanner = await state.active.resume(state.active.baseOffset)
  return scanner.stop === 'end' ? Infinity : segments.length - 1
}

async function recoverFrom(state: LogState, index: number, recoveryPoint: number): Promise<void> {
  const { segments } = state
  await recoverProducers(state, segments[index]!.baseOffset, segments.slice(0, index))
  // What the checkpoint says of offsets that are read anew may be older than a truncation.
  state.epochs.truncateFromEnd(segments[index]!.baseOffset)
  for (let at = index; at < segments.length; at++) {
    const segment = segments[at]!
    if (at > 0 && !state.snapshotOffsets.has(segment.baseOffset)) {
      state.pendingSnapshots.set(segment.baseOffset, state.producers.snapshot())
    }
    const problem = await recoverSegment(state, segment)
    const next = segments[at + 1]
    // Of what was durable a crash takes no end.
    if (problem === undefined && next !== undefined && next.baseOffset > segment.nextOffset && next.baseOffset <= recoveryPoint) {
      segment.nextOffset = next.baseOffset
      state.producers.advance(next.baseOffset)
    }
    if (problem === undefined && (next === undefined || next.baseOffset === segment.nextOffset)) continue
    notice(state, 'truncated', `${segment.path('log')} ends at offset ${segment.nextOffset}: ${problem ?? 'a gap follows'}`)
    await dropAfter(state, at)
    break
  }
  for (const sealed of state.segments.slice(index, -1)) sealed.seal()
}

async function dropAfter(state: LogState, index: number): Promise<void> {
  for (const segment of state.segments.slice(index + 1).toReversed()) {
    state.segments = state.segments.filter((kept) => kept !== segment)
    await state.discard(segment)
  }
}

/** Start, end, high watermark, epochs, producers and snapshots, now that the segments are known. */
async function settleEnd(state: LogState, options: LoadOptions): Promise<void> {
  const { active, epochs } = state
  state.logEndOffset = active.nextOffset
  state.logStartOffset = Math.max(options.logStartOffset, state.segments[0]!.baseOffset)
  // A crash cannot take what was synced, so somebody or the disk has.
  if (state.logEndOffset < options.recoveryPoint)
    notice(state, 'records-lost', `it ends at offset ${state.logEndOffset}, and was durable up to ${options.recoveryPoint}`)
  if (state.logStartOffset > state.logEndOffset) {
    notice(state, 'started-over', `it ends at ${state.logEndOffset}, below its start ${state.logStartOffset}`)
    await truncateFullyAndStartAt(state, state.logStartOffset)
  }
  await removeSnapshots(state)
  epochs.truncateFromEnd(state.logEndOffset)
  epochs.truncateFromStart(state.logStartOffset)
  if (state.producers.mapEnd !== state.logEndOffset) await recoverProducers(state, state.logEndOffset)
  state.highWatermark = Math.min(Math.max(options.highWatermark, state.logStartOffset), state.logEndOffset)
  state.producers.onHighWatermark(state.highWatermark)
}

/** Those beyond the end tell of records that are no more; others than those of segments and the newest are not needed. */
async function removeSnapshots(state: LogState): Promise<void> {
  const bases = new Set(state.segments.map(({ baseOffset }) => baseOffset))
  const offsets = [...state.snapshotOffsets].sort((left, right) => left - right)
  const newest = offsets.findLast((offset) => offset <= state.logEndOffset)
  const removed = offsets.filter((offset) => offset > state.logEndOffset || (!bases.has(offset) && offset !== newest))
  for (const offset of removed) await state.removeSnapshot(offset)
  if (removed.length > 0) await state.host.disk.syncDirectory(state.directory)
}

function markDurable(state: LogState): void {
  state.syncedOffset = state.logEndOffset
  state.recoveryPoint = state.logEndOffset
}

function notice(state: LogState, kind: StorageNotice['kind'], problem: string): void {
  state.host.notice({ kind, path: state.directory, problem })
}
