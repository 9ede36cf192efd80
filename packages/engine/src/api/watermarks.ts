import { parseDuration, type Duration } from '@millrace/core'

/**
 * How event time is read off the records of a source.
 *
 * A watermark of time t says: no record with a time stamp of t or less is still to come on this channel.
 */
export interface WatermarkStrategy<T> {
  /** Event time of a record, milliseconds since 1970. */
  readonly timestamp: (value: T) => number
  /** How far the largest time stamp seen runs ahead of the watermark, milliseconds. 0: time stamps never fall. */
  readonly outOfOrderMs: number
  /** After this long without a record the source counts as idle and holds no watermark back. */
  readonly idleAfterMs: number | undefined
}

function build<T>(
  timestamp: (value: T) => number,
  outOfOrder: Duration,
  options: { readonly idleAfter?: Duration } | undefined,
): WatermarkStrategy<T> {
  const outOfOrderMs = parseDuration(outOfOrder)
  const idleAfterMs = options?.idleAfter === undefined ? undefined : parseDuration(options.idleAfter)
  if (outOfOrderMs === undefined) throw new TypeError(`not a duration: ${String(outOfOrder)}`)
  if (options?.idleAfter !== undefined && idleAfterMs === undefined) throw new TypeError(`not a duration: ${String(options.idleAfter)}`)
  return Object.freeze({ timestamp, outOfOrderMs, idleAfterMs })
}

/** Ready-made watermark strategies. */
export const watermarks: {
  /** For time stamps that never fall within a source subtask. */
  monotonous<T>(timestamp: (value: T) => number, options?: { readonly idleAfter?: Duration }): WatermarkStrategy<T>
  /** For records at most `outOfOrder` late. */
  boundedOutOfOrderness<T>(
    outOfOrder: Duration,
    timestamp: (value: T) => number,
    options?: { readonly idleAfter?: Duration },
  ): WatermarkStrategy<T>
} = {
  monotonous: (timestamp, options) => build(timestamp, 0, options),
  boundedOutOfOrderness: (outOfOrder, timestamp, options) => build(timestamp, outOfOrder, options),
}
