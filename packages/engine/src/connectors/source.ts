import type { Clock, Disk, Network, Random } from '@millrace/core'

declare const phantom: unique symbol

/**
 * Where records come from. The input is cut into splits (a file, a partition, a range): plain data that says what to read and from where.
 * One enumerator, in the coordinator, finds splits and hands them to readers; one reader a subtask reads them.
 * Everything a reader needs to go on after a crash is in the splits it answers from `snapshot`.
 */
export interface Source<T> {
  readonly [phantom]?: T
  /** What `info` shows: 'files', 'collection', 'socket'. */
  readonly connector: string
  /** Whether reading again from a stored split gives the same records. Without it nothing downstream can be exactly once after a failure. */
  readonly replayable: boolean
  /** Whether the input ends by itself. */
  readonly bounded: boolean
  createEnumerator(context: EnumeratorContext): SplitEnumerator
  createReader(context: ReaderContext): SourceReader<T>
}

/** Plain data (structured-cloneable), at least its id. What else is in it is between enumerator and reader. */
export interface Split {
  /** Unique within the source, stable over restarts. */
  readonly id: string
  /** It was read to its end. It is kept all the same, for a later life of the source that reads on there: a file that is followed then. */
  readonly ended?: boolean
}

/** What an enumerator is told and given by its job; there is one enumerator for all `parallelism` readers. */
export interface EnumeratorContext {
  readonly parallelism: number
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  /** Aborted as the job ends, or the part of it that the source is in fails: a `start` that waits for something outside, such as a server that does not answer, keeps it waiting no longer, and may reject. One that goes on for more than 5 s is left behind. */
  readonly stopped?: AbortSignal
  /** Gives splits to a reader; allowed at any time. None says that there is none for it now: one with `timesSplits` can tell by it that it has to wait for nothing. */
  assign(subtask: number, splits: readonly Split[]): void
  /** Says that this reader gets no further splits, ever: it ends once it has read those it has. */
  noMoreSplits(subtask: number): void
  /** Fails the job. */
  fail(error: unknown): void
  /** Tells the operator of something that is no failure. */
  report?(notice: ConnectorNotice): void
}

/** Something worth a line in the log and a count among the metrics: a file was truncated, a line skipped. */
export interface ConnectorNotice {
  /** Stable, what is counted: `FILE_TRUNCATED`. */
  readonly code: string
  readonly message: string
}

/**
 * Finds splits and assigns them. All calls come from one thread, never two at a time.
 * After a restore it is given its own snapshot, then `addSplitsBack` with the splits that readers held in the checkpoint, and assigns those again.
 */
export interface SplitEnumerator {
  /**
   * `restored`: what `snapshot` gave in the checkpoint that is restored. Nothing is opened before it has resolved, and nothing is to change outside: where another enumerator, or state that
   * cannot be read, refuses the start, this one is closed and that was it.
   */
  start(restored: unknown): void | Promise<void>
  /** Splits that readers held at the restored checkpoint, as their `snapshot` gave them; the parallelism may differ from then. Called after `start`, before the readers' `addReader`. */
  addSplitsBack(splits: readonly Split[]): void
  /** A reader is up and can be given splits. */
  addReader(subtask: number): void
  /** Plain data. Splits that have been assigned are not part of it: their readers keep them. */
  snapshot(): unknown
  /** Also where `start` has rejected. What takes more than 5 s is left behind. */
  close(): void | Promise<void>
}

/** Metrics of a connector, by operator and subtask. Asking for the same name and labels again replaces the former. */
export interface ConnectorMetrics {
  /** `read` is called whenever metrics are read; NaN leaves it out. */
  gauge(name: string, read: () => number, labels?: { readonly [name: string]: string }): void
}

/** What a reader is told and given by its task. Clock, disk, network and random numbers come from here, so that tests can simulate them. */
export interface ReaderContext {
  readonly subtask: number
  readonly parallelism: number
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  /** Tells the task that `poll` is worth calling again. Cheap; may be called at any time, from any callback. */
  wake(): void
  /** Fails the task with this error. */
  fail(error: unknown): void
  /** Tells the operator of something that is no failure. */
  report?(notice: ConnectorNotice): void
  /** Undefined: nobody reads them. */
  readonly metrics?: ConnectorMetrics
  /** Whether nobody looks at what was emitted once `emit` has returned, also not at what it refers to: its memory may then be used again. Default false. */
  readonly outputKeepsNothing?: boolean
}

/**
 * Reads its splits. `poll` is called on the task's thread and must not block: it emits what is at hand, at most a few hundred records
 * (less than a millisecond's work), and says how to go on. I/O runs in the background and ends with `wake`.
 */
export interface SourceReader<T> {
  /** Before anything else; when all state of the job is restored. */
  open?(): void | Promise<void>
  addSplits(splits: readonly Split[]): void
  noMoreSplits(): void
  /**
   * - `more`: call again soon.
   * - `wait`: nothing now; `wake` will be called.
   * - `end`: never anything again (no more splits, and all are read to their ends: `snapshot` holds none from then on but such as are `ended`).
   */
  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end'
  /** Records come from splits whose event time goes its own way, and are emitted through `output.ofSplit`: see there. */
  readonly timesSplits?: boolean
  /** The splits as they stand after the last record emitted. Called between polls; the answer must not change afterwards. `checkpointId`: which checkpoint asks. */
  snapshot(checkpointId?: number): readonly Split[]
  /** The checkpoint is durable: what was read before its snapshot will not be asked for again. */
  checkpointComplete?(checkpointId: number): void
  close(): void | Promise<void>
}

/** Where a reader puts its records during `poll`; not to be used at any other time. */
export interface SourceOutput<T> {
  /** `timestamp`: event time in milliseconds since 1970, where the source knows one. `position`: where the record stood ('access.log:8812'), for error messages. */
  emit(value: T, timestamp?: number): void
  /**
   * Whether `poll` had better come back now, with `more`: what becomes of its records takes long, and the thread has other things to do. To be looked at behind each `emit`: a reader that
   * does not keeps the thread from answering until all it has at hand is emitted.
   */
  readonly enough?: boolean
  /**
   * Where records of one split are emitted, so that event time is kept for each: the source's is that of the split that is furthest behind, those without records for
   * the strategy's `idleAfter` aside. A reader with `timesSplits` asks once a split, and emits all of it there; once all its splits are closed it counts as idle, before its first it does not.
   * Without it (outside of the runtime) emit as ever. `hasMore`: whether the split is known to have records that were not emitted yet. It is not idle then, however long it takes
   * until they are read; asked now and then, from `ofSplit` until `close`. Default: never.
   */
  ofSplit?(id: string, hasMore?: () => boolean): SplitOutput<T>
}

/** The output of one split. */
export interface SplitOutput<T> {
  emit(value: T, timestamp?: number): void
  /** The split is read to its end, or is not read here any more: it holds nobody back. */
  close?(): void
}

/** Optional on readers: where the record last emitted stood, for error messages and crash capsules. */
export interface PositionedReader {
  position(): string
}
