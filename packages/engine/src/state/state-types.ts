import type { Clock } from '@millrace/core'
import type { Key, StateDeclarations } from '../api/state.ts'
import type { KeyGroupRange } from '../keys/key-group.ts'
import type { Walk } from './turns.ts'

/** Event time: fired by watermarks. Processing time: fired by the wall clock. */
export type TimerKind = 'event' | 'processing'

/** Timers that were due, and wait for their turn: their rows have them no more. */
export interface WaitingTimers {
  has(kind: TimerKind, time: number, key: unknown, hash: number): boolean
  /** Takes back one that is there. */
  drop(kind: TimerKind, time: number, key: unknown, hash: number): void
}

/** Timers of the current key: at most one a kind and time. */
export interface KeyTimers {
  /** Asks to be called at `time`, milliseconds. Asking again for the same time changes nothing. @throws TIMER_TIME_INVALID */
  register(kind: TimerKind, time: number): void
  /** Takes back what was asked for; nothing if there is none. */
  delete(kind: TimerKind, time: number): void
}

/** Names of states, by what makes their stored values other than plain ones. */
export interface StoredOptions {
  /** Map states whose entries have update times. */
  readonly timed: readonly string[]
  /** States some of whose values a codec may have written. */
  readonly coded: readonly string[]
}

/** All timers of a subtask: those of the current key to change, all of them to fire. */
export interface TimerService extends KeyTimers {
  /**
   * Fires up to `limit` timers due at `time` (`<=`), the earliest first, each with its key current and already unregistered. Timers registered meanwhile and due are fired too.
   * Answers whether some may be left that are due: if so, call again.
   */
  advance(kind: TimerKind, time: number, fire: FireTimer, limit: number): boolean
  /** The earliest timer's time; undefined if there is none. */
  next(kind: TimerKind): number | undefined
}

/** `false`: no other is to fire for now, and the key stays the current one. */
export type FireTimer = (key: Key, hash: number, time: number) => unknown

/** Handles under the names of their declarations. */
export type StateHandles = { readonly [name: string]: unknown }

/**
 * The keyed state of one subtask of one operator. Single-threaded; no I/O: whoever drives it moves the bytes.
 *
 * Caller obligations: `use` before any handle or timer; hashes are those of `hashKey`; only keys of its own key groups. Handles may be kept: they follow the current key.
 * Between `beginSnapshot` and the end of its writer everything else may go on.
 */
export interface KeyedStateBackend {
  /** One handle a declared state, bound to the current key. */
  readonly handles: StateHandles
  readonly timers: TimerService
  /** The current key, as `use` was given it. */
  readonly key: unknown

  /** Makes `key` the current key. Creates nothing: rows appear with the first write and go with the last `clear`. */
  use(key: unknown, hash: number): void
  /** No key is the current one: until the next `use` handles refuse whatever is asked of them (CONTEXT_REVOKED). */
  release(): void

  /** Called, once or more, where more was taken in than memory is meant for, and nothing can make room before `relieved` resolves. By default nobody minds. */
  onCrowded: (relieved: Promise<void>) => void

  /** Whether keys are worth naming before they are used. May change at any time; never true of state in memory. */
  readonly looksAhead: boolean
  /**
   * `count` keys are about to be used, in this order about. Resolves when what there is of them is at hand, never rejects; undefined: they need no waiting for.
   * The current key stays what it was.
   */
  lookAhead(count: number, keyAt: (index: number) => unknown, hashAt: (index: number) => number): Promise<void> | undefined

  /**
   * What one asynchronous (or revocable) invocation for a key sees: state as of now, its own writes on top, kept apart until `commit`.
   * Any number may live at once, for different keys, between direct uses.
   */
  invocation(key: unknown, hash: number, waiting?: WaitingTimers): StateInvocation

  /**
   * Marks the state as of now as checkpoint `checkpointId`; the writer answered turns it into bytes, slice by slice. An older writer not yet done is finished first.
   * `share`: what changed since the last completed checkpoint, and a share of the key groups in full (`lineage.ts`); everything in full where there is no completed one.
   * `all`: everything in full, for the first checkpoint and for savepoints.
   */
  beginSnapshot(checkpointId: number, options: { readonly full: 'all' | 'share' }): StateSnapshotWriter
  /** The checkpoint is complete as a whole: later ones may be deltas over it. */
  checkpointCompleted(checkpointId: number): void
  /** The checkpoint will never be complete, or was a savepoint: later ones do not build on it. Stops its writer if that is still at it. */
  checkpointAborted(checkpointId: number): void

  /**
   * Loads one key group, once and before first use, a record with each step: its segments in the order of the chain, the full one first. One group at a time, to its end;
   * where it does not come to that the state is of no use.
   * `formerMaxParallelism`: the group is one of so many, another number than today's. Keys that fall to other key groups than this backend's are left out, and
   * there is exactly one full segment.
   * @throws STATE_CORRUPT, STATE_UNMAPPED, STATE_KIND_CHANGED, STATE_VERSION_NEWER, STATE_MIGRATION_MISSING, STATE_MIGRATION_FAILED,
   * STATE_SCHEMA_FAILED, STATE_CODEC_MISSING, STATE_CODEC_FAILED: here, and from each step
   */
  beginGroup(group: number, segments: readonly SegmentBytes[], formerMaxParallelism?: number): Walk
  /** After all groups: the next checkpoint may be a delta over `checkpointId`. Without this call it is a full one. `chains`: segments that each group was restored from. */
  resumeFrom(checkpointId: number, chains: ReadonlyMap<number, number>): void

  statistics(): StateStatistics
  /** Lets go of everything. */
  dispose(): void
}

/** How segments of keyed state are stored. */
export type SegmentCompression = 'none' | 'zstd'

export interface KeyedStateOptions {
  /** The operator's name, for messages. */
  readonly operator: string
  readonly states: StateDeclarations
  readonly maxParallelism: number
  readonly keyGroups: KeyGroupRange
  /** Tells the time for states that expire, which need it. */
  readonly clock?: Pick<Clock, 'now'>
  /** Development mode: objects that handles give out are deeply frozen. Default false. */
  readonly freeze?: boolean
  /** Stored states that are not declared are left out on restore instead of refused. Default false. */
  readonly allowNonRestored?: boolean
  /** Of what snapshots hold; they are restored whatever it says. Default none. */
  readonly compression?: SegmentCompression
}

export interface StateInvocation {
  readonly handles: StateHandles
  readonly timers: KeyTimers
  /** Applies all writes and timers at once. The current key stays what it was. */
  commit(): void
  /** Forgets them. After either, handles throw STATE_INVOCATION_OVER. */
  discard(): void
}

/** Turns a marked state into bytes. */
export interface StateSnapshotWriter {
  readonly checkpointId: number
  readonly done: boolean
  /** Writes about `rows` more rows (or map entries). Answers whether everything is written. */
  step(rows: number): boolean
  /** Finished chunks since the last call, in order; the caller owns them. Their concatenation is the snapshot. */
  take(): Uint8Array<ArrayBuffer>[]
  /** Writes whatever is left, and answers what is where in the concatenation of all chunks. */
  finish(): SnapshotIndex
}

export interface SnapshotIndex {
  readonly checkpointId: number
  /** The completed checkpoint that deltas here are over; undefined where every segment is full. */
  readonly baseCheckpointId: number | undefined
  readonly sizeBytes: number
  /** Of these, in groups written in full. */
  readonly fullBytes: number
  /** By key group, ascending, and so by offset; segments of one group in the order to restore. */
  readonly segments: readonly SegmentEntry[]
}

export interface SegmentEntry {
  readonly keyGroup: number
  /** `full`: whatever lies before is not needed. `delta`: changes over what lies before. */
  readonly kind: 'full' | 'delta'
  readonly offset: number
  readonly length: number
  /** CRC-32 of the segment, unsigned. */
  readonly crc32: number
  readonly rows: number
}

export interface SegmentBytes {
  readonly bytes: Uint8Array
  /** Checked where given. */
  readonly crc32?: number
  /** How many records it has, where that is known: room for them is made at once. */
  readonly rows?: number
}

export interface StateStatistics {
  /** Keys that have state or timers. */
  readonly rows: number
  readonly eventTimers: number
  readonly processingTimers: number
  /** Tables as allocated, and what keys and values took in the last snapshot of each table, extrapolated. */
  readonly estimatedBytes: number
}
