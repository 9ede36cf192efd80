/** How long a subtask's part of a checkpoint took, and how large it is. Pure. */
import type { StateFileHandle, SnapshotTimings, SubtaskSnapshot } from '../../checkpoint/handles.ts'
import type { InFlightSnapshot } from './in-flight.ts'

/** Of the barriers, up to the snapshot. */
export interface Alignment {
  readonly ms: number
  /** Of records received meanwhile. */
  readonly bytes: number
}

/** What was measured on the way; `triggeredMs` on the wall clock, `startMs` on the other. */
export interface SnapshotTimes {
  readonly triggeredMs: number
  readonly alignment: Alignment
  readonly inFlight: InFlightSnapshot | undefined
  readonly syncMs: number
  readonly startMs: number
}

/** `now`: when everything is durable, on both clocks. */
export function snapshotTimings(
  { triggeredMs, alignment, inFlight, syncMs, startMs }: SnapshotTimes,
  { operators, newFiles }: Pick<SubtaskSnapshot, 'operators' | 'newFiles'>,
  now: { readonly wallMs: number; readonly monotonicMs: number },
): SnapshotTimings {
  const tookMs = now.monotonicMs - startMs
  const read = operators.flatMap((each): readonly (StateFileHandle | undefined)[] => [...each.keyed, each.raw, each.inFlight])
  return {
    startDelayMs: Math.max(0, now.wallMs - triggeredMs - tookMs - alignment.ms),
    alignmentMs: inFlight?.times?.alignmentMs ?? alignment.ms,
    alignmentBytes: alignment.bytes,
    unaligned: inFlight !== undefined,
    inFlightBytes: inFlight?.sizeBytes ?? 0,
    syncMs,
    asyncMs: tookMs - syncMs,
    writtenBytes: newFiles.reduce((sum, file) => sum + file.length, 0),
    stateBytes: read.reduce((sum, file) => sum + (file?.length ?? 0), 0),
  }
}
