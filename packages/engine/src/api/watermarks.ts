import { inspect } from 'node:util'
import { parseDuration, type Duration } from '@millrace/core'
import { engineError } from '../errors.ts'
import { checkOptions } from './option-names.ts'

/**
 * Event time of a record, milliseconds since 1970. `given`: the time stamp that the source knows (of a Kafka record, for one); -2^53 where it knows none.
 * The job fails where the answer is not a finite number.
 */
export type TimestampOf<T> = (value: T, given: number) => number

/**
 * How event time is read off the records of a source.
 *
 * A watermark of time t says: no record with a time stamp of t or less is still to come on this channel.
 */
export interface WatermarkStrategy<T> {
  readonly timestamp: TimestampOf<T>
  /** How far the largest time stamp seen runs ahead of the watermark, milliseconds. 0: time stamps never fall. Without meaning where there is a generator. */
  readonly outOfOrderMs: number
  /** After this long without a record the source (or the split, of sources that keep time for each) counts as idle and holds no watermark back. */
  readonly idleAfterMs: number | undefined
  /** Of custom strategies: called for each subtask of the source, or for each split of sources that keep time for each. */
  readonly createGenerator: (() => WatermarkGenerator<T>) | undefined
}

/** A watermark of one's own. Both methods answer a time that no record will have any more, or undefined for nothing new; one that is not later than the last is ignored. */
export interface WatermarkGenerator<T> {
  /** After each record has been sent on. What it answers goes out at once: watermarks that the records themselves announce. */
  onRecord(value: T, timestamp: number): number | undefined
  /** About every 50 ms of the machine's time, while not idle. */
  onPeriod?(): number | undefined
}

/** A source without records does not hold back the time of others for longer than `idleAfter`; default: for ever. */
export interface IdleOptions {
  /** Time without a record after which the input holds no watermark back. */
  readonly idleAfter?: Duration
}

/** Event time with watermarks that the user's own generator makes, for `watermarks.custom`. */
export interface CustomWatermarks<T> extends IdleOptions {
  readonly timestamp: TimestampOf<T>
  /** What it keeps is not part of checkpoints: after a restore it begins anew. */
  readonly generator: () => WatermarkGenerator<T>
}

function durationMs(call: string, argument: string, duration: Duration): number {
  return parseDuration(duration) ?? refuse(call, argument, "a duration like '5s'", duration)
}

function refuse(call: string, argument: string, expected: string, given: unknown): never {
  throw engineError('ARGUMENT_INVALID', { call, argument, expected, value: inspect(given, { depth: 0, maxStringLength: 80 }) })
}

function build<T>(
  call: string,
  timestamp: TimestampOf<T>,
  outOfOrder: Duration,
  idleAfter: Duration | undefined,
  createGenerator: (() => WatermarkGenerator<T>) | undefined,
): WatermarkStrategy<T> {
  const outOfOrderMs = durationMs(call, 'the first argument', outOfOrder)
  if (typeof timestamp !== 'function') refuse(call, 'timestamp', 'a function', timestamp)
  const idleAfterMs = idleAfter === undefined ? undefined : durationMs(call, 'idleAfter', idleAfter)
  return Object.freeze({ timestamp, outOfOrderMs, idleAfterMs, createGenerator })
}

/** Ready-made watermark strategies, and your own. @throws ARGUMENT_INVALID, where an option is misspelled or is not what it must be */
export const watermarks: {
  /** For time stamps that never fall within a subtask of the source, or within a split of sources that keep time for each. */
  monotonous<T>(timestamp: TimestampOf<T>, options?: IdleOptions): WatermarkStrategy<T>
  /** For records at most `outOfOrder` late. */
  boundedOutOfOrderness<T>(outOfOrder: Duration, timestamp: TimestampOf<T>, options?: IdleOptions): WatermarkStrategy<T>
  /** For sources that know better: by marks among the records, by the clock, by anything a generator has seen. */
  custom<T>(options: CustomWatermarks<T>): WatermarkStrategy<T>
} = {
  monotonous: (timestamp, options) => {
    const call = 'watermarks.monotonous'
    checkOptions(call, options, ['idleAfter'])
    return build(call, timestamp, 0, options?.idleAfter, undefined)
  },
  boundedOutOfOrderness: (outOfOrder, timestamp, options) => {
    const call = 'watermarks.boundedOutOfOrderness'
    checkOptions(call, options, ['idleAfter'])
    return build(call, timestamp, outOfOrder, options?.idleAfter, undefined)
  },
  custom: (options) => {
    const call = 'watermarks.custom'
    checkOptions(call, options, ['timestamp', 'generator', 'idleAfter'])
    if (typeof options.generator !== 'function') refuse(call, 'generator', 'a function', options.generator)
    return build(call, options.timestamp, 0, options.idleAfter, options.generator)
  },
}
