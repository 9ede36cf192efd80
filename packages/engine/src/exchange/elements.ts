import type { SavepointTarget } from '../checkpoint/coordinator/coordinator-events.ts'

/**
 * What travels on a channel, in order. Records travel in batches; everything else is an event between batches.
 */
export type Element = RecordBatch | ChannelEvent

/** Records by reference: parallel arrays of `count` entries (the arrays may be longer). */
export interface RecordBatch {
  readonly kind: 'records'
  readonly count: number
  readonly values: readonly unknown[]
  /** Event times, milliseconds; `NO_TIMESTAMP` where there is none. `undefined`: none of the batch has one. */
  readonly timestamps: Float64Array | readonly number[] | undefined
  /** Key hashes, on edges partitioned by key. */
  readonly hashes: Int32Array | readonly number[] | undefined
}

/** What is no record: event time and whether it stands still, barriers of checkpoints, and the end of the input. */
export type ChannelEvent =
  | { readonly kind: 'watermark'; readonly time: number }
  | { readonly kind: 'idle' }
  | { readonly kind: 'active' }
  /** `completedId`: the newest checkpoint that was complete when this one was triggered, 0 if there was none. What the snapshot builds on is at least that. */
  | {
      readonly kind: 'barrier'
      readonly checkpointId: number
      readonly triggeredMs: number
      readonly completedId: number
      /** Receivers may take their snapshot before the barriers of all their channels have come: what is then in flight is part of the checkpoint. */
      readonly unaligned?: true
      /** Where the snapshot goes, if it is one for a savepoint. */
      readonly savepoint?: SavepointTarget
    }
  | { readonly kind: 'cancel-barrier'; readonly checkpointId: number }
  | { readonly kind: 'end' }

/** The time stamp of a record that has none. */
export { NO_TIMESTAMP } from '../codec/columns/frame.ts'

/** The writing end of one channel: subtask to subtask. Nothing here ever blocks. */
export interface OutputChannel {
  /** Adds a record to the batch under construction. `hash` is ignored on edges that are not keyed. */
  append(value: unknown, timestamp: number, hash: number): void
  /** Sends what is under construction, then the event. */
  event(event: ChannelEvent): void
  /** Sends what is under construction. */
  flush(): void
  /** Moves queued output on, as far as the far end has room. Returns whether nothing is queued any more. */
  drain(): boolean
  /** Bytes (or an estimate) that did not fit and wait here: above the task's limit it takes no more input. */
  readonly queuedBytes: number
  /** Bytes of the records sent so far; 0 where they pass by reference. */
  readonly writtenBytes: number
  /** Whether records are under construction that a buffer timeout should flush. */
  readonly pending: boolean
  /** The reader holds the writer back: its task takes no more input for now. */
  readonly held: boolean
  close(): void
}

/** The reading end of one channel. */
export interface InputChannel {
  /**
   * The next element, or undefined if none has arrived. A batch, with its arrays of time stamps and hashes, is valid until the next `poll` of this
   * channel; its records may be kept by reference, but keep their batch's text alive (`copyString`).
   */
  poll(): Element | undefined
  /** Whether `poll` would answer an element. */
  readonly available: boolean
  /** Bytes of the records handed out so far; 0 where they pass by reference. */
  readonly readBytes: number
  /** Holds the writer back, or no longer: for a reader that has taken elements out before it could process them. What the writer has sent, and must send, still comes. */
  hold(on: boolean): void
  close(): void
}

/** The records of a batch from one on, up to another or all, with arrays of their own: valid also after the channel has been asked again. */
export function detached({ values, timestamps, hashes, count }: RecordBatch, from: number, end: number = count): RecordBatch {
  return {
    kind: 'records',
    count: end - from,
    values: values.slice(from, end),
    timestamps: timestamps?.slice(from, end),
    hashes: hashes?.slice(from, end),
  }
}
