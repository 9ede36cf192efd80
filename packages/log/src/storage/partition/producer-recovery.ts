import { MillraceError } from '@millrace/core'
import { parseProducerSnapshot } from '../producers/producer-snapshot.ts'
import { replaySegment } from '../producers/producer-replay.ts'
import type { Segment } from '../segment/segment.ts'
import type { LogState } from './log-state.ts'

/**
 * Brings the producer state to what it was at `offset`: from the newest snapshot at or below it that can be read, and the
 * batches behind that. A segment given as `unindexed` gets the aborted transactions found in it, if all of it was replayed.
 */
export async function recoverProducers(state: LogState, offset: number, segments: readonly Segment[] = state.segments): Promise<void> {
  const from = await loadSnapshot(state, offset)
  for (const segment of segments) {
    if (segment.nextOffset <= from || segment.baseOffset >= offset) continue
    const aborted = await replaySegment(state.producers, segment, Math.max(from, segment.baseOffset))
    if (from <= segment.baseOffset && segment.indexes !== undefined) replaceAborted(segment, aborted)
  }
  state.producers.advance(offset)
}

function replaceAborted(segment: Segment, aborted: Awaited<ReturnType<typeof replaySegment>>): void {
  segment.indexes!.aborted = aborted
  segment.hasAborted = aborted.length > 0
}

/** Where the replay has to begin: at the snapshot's offset, or at the log's start without one. */
async function loadSnapshot(state: LogState, offset: number): Promise<number> {
  const candidates = [...state.snapshotOffsets, ...state.pendingSnapshots.keys()].filter((candidate) => candidate <= offset)
  for (const candidate of candidates.sort((left, right) => right - left)) {
    const path = state.snapshotPath(candidate)
    try {
      const bytes = state.pendingSnapshots.get(candidate) ?? (await state.host.disk.readFile(path))
      state.producers.load(parseProducerSnapshot(bytes, path), candidate)
      return candidate
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error
      state.host.notice({ kind: 'snapshot-ignored', path, problem: error.message })
      await state.removeSnapshot(candidate)
    }
  }
  const start = state.segments[0]?.baseOffset ?? 0
  state.producers.load([], Math.min(start, offset))
  return start
}
