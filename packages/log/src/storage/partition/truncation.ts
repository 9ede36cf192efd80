/**
 * Taking away the end of a log.
 *
 * 1. The recovery point on the disk is lowered first: where that fails nothing has changed. Whatever fails later takes the
 *    directory offline, for half a truncation is not to be gone on with.
 * 2. Segments go youngest first and each durably, and the cut is durable before anything is written behind it: a crash at any
 *    point leaves a prefix, and old bytes never come back behind new ones.
 *
 * Only in the lane, holding `syncing`.
 */
import type { Segment } from '../segment/segment.ts'
import type { LogState } from './log-state.ts'
import { recoverProducers } from './producer-recovery.ts'

/** Removes everything from `offset` on. Inside a batch the whole batch goes, and the log ends where it began. */
export async function truncateTo(state: LogState, offset: number): Promise<void> {
  if (offset >= state.logEndOffset) {
    state.epochs.truncateFromEnd(offset)
    return
  }
  const segment = state.segments[state.segmentIndexFor(offset)]
  if (segment === undefined) return await truncateFullyAndStartAt(state, offset)
  const cut = await findCut(segment, offset)
  // Inside of the segment that is cut, unless nothing of it is left: its index files tell of what is no more until it is flushed.
  await lowerRecoveryPoint(state, cut.position > 0 ? cut.endOffset - 1 : cut.endOffset)
  await orOffline(state, () => cutAt(state, segment, cut))
}

/** Removes everything; the log is empty and begins at `offset`. */
export async function truncateFullyAndStartAt(state: LogState, offset: number): Promise<void> {
  await lowerRecoveryPoint(state, Math.min(offset, state.segments[0]!.baseOffset))
  await orOffline(state, () => restartAt(state, offset))
}

interface Cut {
  readonly position: number
  readonly endOffset: number
}

/** Before the first batch that ends at `offset` or above. */
async function findCut(segment: Segment, offset: number): Promise<Cut> {
  const { position } = (await segment.currentIndexes()).offsets.lookup(offset)
  const scanner = segment.scan(position)
  for (let batch = await scanner.next(); batch !== undefined; batch = await scanner.next()) {
    if (batch.lastOffset >= offset) return { position: scanner.batchPosition, endOffset: Math.min(offset, batch.baseOffset) }
  }
  return { position: segment.sizeBytes, endOffset: offset }
}

async function lowerRecoveryPoint(state: LogState, offset: number): Promise<void> {
  const before = state.recoveryPoint
  state.recoveryPoint = Math.min(before, offset)
  try {
    await state.host.checkpointRecoveryPoints()
  } catch (error) {
    state.recoveryPoint = before
    throw error
  }
}

async function orOffline(state: LogState, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    throw state.host.failed(error, state.directory, true)
  }
}

async function cutAt(state: LogState, segment: Segment, { position, endOffset }: Cut): Promise<void> {
  await dropBehind(state, segment)
  await segment.truncate(position, endOffset)
  state.logEndOffset = endOffset
  state.highWatermark = Math.min(state.highWatermark, endOffset)
  state.syncedOffset = Math.min(state.syncedOffset, endOffset)
  state.recent.clear()
  state.epochs.truncateFromEnd(endOffset)
  await removeSnapshots(state, (snapshot) => snapshot > endOffset)
  await recoverProducers(state, endOffset)
}

async function restartAt(state: LogState, offset: number): Promise<void> {
  const [oldest] = state.segments
  await dropBehind(state, oldest!)
  // What is left of a former end must not come back behind the new start, should the removal of its name be lost.
  await oldest!.truncate(0, oldest!.baseOffset)
  await state.discard(oldest!)
  state.segments = [await state.createSegment(offset)]
  state.logStartOffset = offset
  state.logEndOffset = offset
  state.highWatermark = offset
  state.syncedOffset = offset
  state.recoveryPoint = offset
  state.recent.clear()
  state.epochs.truncateFromEnd(-1)
  await removeSnapshots(state, () => true)
  state.producers.load([], offset)
}

async function dropBehind(state: LogState, last: Segment): Promise<void> {
  for (const segment of state.segments.toReversed()) {
    if (segment === last) return
    state.segments = state.segments.filter((kept) => kept !== segment)
    await state.discard(segment)
  }
}

/** Durably: a snapshot that came back would tell of records that are no more. */
async function removeSnapshots(state: LogState, isDropped: (offset: number) => boolean): Promise<void> {
  for (const offset of [...state.snapshotOffsets, ...state.pendingSnapshots.keys()]) {
    if (isDropped(offset)) await state.removeSnapshot(offset)
  }
  await state.host.disk.syncDirectory(state.directory)
}
