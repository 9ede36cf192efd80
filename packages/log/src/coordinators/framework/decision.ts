/**
 * What a coordinator decides, as plain values: the framework alone acts on them.
 *
 * An operation looks at the state and at facts and returns a decision; it changes nothing. State changes only where the framework
 * applies the decision: its records through `StateMachine.apply`, exactly as a replay of the log would, then what it remembers besides.
 */
import type { Random } from '@millrace/core'
import type { RecordFormat } from './record-format.ts'

/** What an operation may know besides the state. */
export interface Facts {
  /** Wall clock, milliseconds since 1970: for time stamps in records. */
  readonly nowMs: number
  /** Monotonic, milliseconds: for deadlines. */
  readonly monotonicMs: number
  readonly random: Random
}

/** A claim to a reply of type `T`, made for each operation that is submitted. Keep it to answer later. */
export interface Ticket<in T> {
  /** Unique while the partition is loaded. */
  readonly id: number
  /** Only for the type checker. */
  readonly accepts?: (reply: T) => void
}

/** The reply to a ticket. Made by `answer`. */
export interface Answer {
  readonly ticket: Ticket<never>
  readonly reply: unknown
}

export function answer<T>(ticket: Ticket<T>, reply: T): Answer {
  return { ticket, reply }
}

export type TimerChange<S, R> =
  /** Runs the operation once after the delay. A timer of the same key is replaced. */
  | { readonly key: string; readonly delayMs: number; readonly operation: Operation<S, R, void> }
  | { readonly key: string; readonly delayMs: undefined }

/** A transaction's producer. */
export interface Producer {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface Decision<S, R> {
  /** Written as one batch, wholly or not at all, and applied in order. */
  readonly records?: readonly R[]
  /** The records belong to this producer's transaction. */
  readonly producer?: Producer
  /** Changes that a replay does not bring back, after the records: who waits, what is only in memory. Must not throw. */
  readonly remember?: (state: S) => void
  /** Sent once the records, and everything decided before, are acknowledged. */
  readonly answers?: readonly Answer[]
  readonly timers?: readonly TimerChange<S, R>[]
}

/** Pure: the same state, facts and ticket give the same decision. What it throws rejects its ticket and changes nothing. */
export type Operation<S, R, T> = (state: S, facts: Facts, ticket: Ticket<T>) => Decision<S, R>

/** Where an applied record comes from. */
export interface RecordOrigin {
  /** Grows with every batch of the partition, in the order of the log. */
  readonly order: number
  /** Of the record, milliseconds since 1970. */
  readonly timestampMs: number
  /** The producer whose transaction it belongs to. */
  readonly producer: Producer | undefined
}

/** The end of a producer's transaction in this partition. */
export interface Marker extends Producer {
  readonly isCommit: boolean
}

/** State over the log of one partition. The state is an object that `apply` and `applyMarker` change in place; nobody else does. */
export interface StateMachine<S, R> {
  readonly format: RecordFormat<R>
  empty(partition: number): S
  apply(state: S, record: R, origin: RecordOrigin): void
  /** Left out where the partition has no transactions. */
  applyMarker?(state: S, marker: Marker, origin: RecordOrigin): void
  /** The first decision after a load: timers, mostly. */
  onLoaded?(state: S, facts: Facts): Decision<S, R>
}
