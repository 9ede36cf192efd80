/** Which part of a log compaction may and should look at. */
import type { LogConfig } from '../config.ts'

export interface CleanableFacts {
  readonly config: Pick<LogConfig, 'minCompactionLagMs' | 'maxCompactionLagMs' | 'minCleanableDirtyRatio'>
  readonly nowMs: number
  readonly logStartOffset: number
  /** Up to where the log has been compacted, as the checkpoint tells; undefined if never. */
  readonly cleanedUpTo: number | undefined
  readonly lastStableOffset: number
  /** In order; the active one, which is never touched, is not among them. */
  readonly sealed: readonly {
    readonly baseOffset: number
    readonly nextOffset: number
    readonly sizeBytes: number
    readonly largestTimestamp: number
    readonly firstTimestamp: number
  }[]
}

/** How much of a compacted log has not been compacted yet. */
export interface Cleanable {
  readonly firstDirtyOffset: number
  /** Segments that end here or below may be compacted. */
  readonly endOffset: number
  readonly dirtyBytes: number
  /** Dirty bytes to all that may be compacted; 0 where nothing may. */
  readonly dirtyRatio: number
  /** Whether it should be done now: enough is dirty, or something has been for too long. */
  readonly isDue: boolean
}

export function cleanable({ config, nowMs, logStartOffset, cleanedUpTo, lastStableOffset, sealed }: CleanableFacts): Cleanable {
  const known = cleanedUpTo ?? logStartOffset
  const isUsable = known >= logStartOffset && known <= (sealed.at(-1)?.nextOffset ?? known)
  const firstDirtyOffset = isUsable ? known : logStartOffset
  const tooYoung = sealed.findIndex(
    (segment) =>
      segment.nextOffset > lastStableOffset ||
      (segment.baseOffset >= firstDirtyOffset &&
        config.minCompactionLagMs > 0 &&
        segment.largestTimestamp > nowMs - config.minCompactionLagMs),
  )
  const candidates = tooYoung < 0 ? sealed : sealed.slice(0, tooYoung)
  const dirty = candidates.filter((segment) => segment.nextOffset > firstDirtyOffset)
  const dirtyBytes = dirty.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const totalBytes = candidates.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const dirtyRatio = totalBytes === 0 ? 0 : dirtyBytes / totalBytes
  const oldest = dirty.find(({ firstTimestamp }) => firstTimestamp >= 0)
  const isOverdue = oldest !== undefined && nowMs - oldest.firstTimestamp > config.maxCompactionLagMs
  return {
    firstDirtyOffset,
    endOffset: candidates.at(-1)?.nextOffset ?? firstDirtyOffset,
    dirtyBytes,
    dirtyRatio,
    isDue: dirtyBytes > 0 && (dirtyRatio > config.minCleanableDirtyRatio || isOverdue),
  }
}
