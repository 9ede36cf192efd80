import type { Duration } from '@millrace/core'
import type { StateDeclaration, StateDeclarations } from './state.ts'
import type { SideTypes, TypeOf } from './types.ts'

/** The handles that a function sees for the states it declared. Used after the call they throw `CONTEXT_REVOKED`: it would be another key's state. */
export type Handles<S extends StateDeclarations> = { readonly [N in keyof S]: S[N] extends StateDeclaration<infer H> ? H : never }

/** Handles without the methods that write. */
export type ReadonlyHandles<S extends StateDeclarations> = {
  readonly [N in keyof S]: S[N] extends StateDeclaration<infer H>
    ? Omit<H, 'set' | 'add' | 'addAll' | 'update' | 'delete' | 'clear'>
    : never
}

/**
 * Writes to the job's log with operator and subtask attached. Never throws for what is logged: a field that no other thread can take, such as a function or a promise, is logged as text, and
 * an error in place of `fields` as the field `error`.
 */
export interface Log {
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
}

/** The user's own metrics, by operator and subtask. Asking for the same name again gives the same metric. */
export interface Metrics {
  counter(name: string): { add(n?: number): void }
  /** `read` is called whenever metrics are read. */
  gauge(name: string, read: () => number): void
  histogram(name: string): { record(value: number): void }
}

/** What every user function is given. Valid until the invocation has settled; afterwards its use throws. */
export interface RecordContext {
  /** Event time of the record (in an event-time timer: the timer's time), milliseconds since 1970; -2^53 where there is none, as in a processing-time timer and in `finish`. */
  readonly timestamp: number
  /** From 0. */
  readonly subtask: number
  /** Aborted when the job is cancelled or fails. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly metrics: Metrics
}

/** The context of a function that emits. What is emitted counts as read-only from then on, for the emitter as well. */
export interface Emitter<Out, Side extends SideTypes> extends RecordContext {
  emit(value: Out): void
  /** Emits to a declared side output. */
  emitTo<N extends keyof Side & string>(output: N, value: TypeOf<Side[N]>): void
}

/** Timers on event time, unique per key and time stamp; they are state, kept in checkpoints. They fire when the watermark passes. */
export interface EventTimers {
  /** The operator's, milliseconds since 1970; -Infinity before the first. */
  readonly watermark: number
  /** Milliseconds since 1970. */
  at(time: number): void
  /** Counted from `ctx.timestamp`: the record's time stamp, or the timer's time. Throws where there is none. Answers the time it fires at, for `deleteAt`. */
  after(delay: Duration): number
  /** Without effect where there is none. */
  deleteAt(time: number): void
}

/** Timers on the machine's clock, unique per key and time stamp; they are state, kept in checkpoints. Those overdue after a restore fire at once. */
export interface ProcessingTimers {
  /** Milliseconds since 1970. */
  readonly now: number
  /** Milliseconds since 1970. */
  at(time: number): void
  /** Counted from `now`. Answers the time it fires at, for `deleteAt`. */
  after(delay: Duration): number
  /** Without effect where there is none. */
  deleteAt(time: number): void
}

/** The context of a keyed function: state and timers are those of `key`. */
export interface KeyedContext<K, S extends StateDeclarations, Out, Side extends SideTypes> extends Emitter<Out, Side> {
  readonly key: K
  readonly state: Handles<S>
  readonly eventTimers: EventTimers
  readonly processingTimers: ProcessingTimers
}
