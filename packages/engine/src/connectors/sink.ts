import type { Clock, Disk, Network, Random } from '@millrace/core'
import type { ConnectorNotice } from './source.ts'

declare const phantom: unique symbol

/**
 * Where results go. One writer a subtask.
 *
 * Exactly once is two-phase commit on checkpoints: at the barrier the writer makes what it has written since the last one durable but invisible
 * and answers handles (`prepare`); the handles are stored in the checkpoint; when it is complete they are committed, and after a crash committed again.
 */
export interface Sink<T> {
  readonly [phantom]?: (value: T) => void
  /** What `info` shows: 'files', 'print'. */
  readonly connector: string
  /** What the sink does by itself. `exactly-once` needs checkpoints and a replayable source. */
  readonly delivery: 'none' | 'at-least-once' | 'exactly-once'
  /**
   * What this sink must have to itself, as people call it: 'transactionalIdPrefix "orders" on kafka-1:9092'. A job where another sink has the same is refused when it is built
   * (`SINK_CLAIMED_TWICE`).
   */
  readonly claims?: readonly string[]
  /** Makes the writer of a subtask. Nothing is to change outside before its `open`, which never comes where the job does not start, as for state that cannot be read. */
  createWriter(context: WriterContext): SinkWriter<T>
  /** Throws if the sink could not keep its promises with checkpoints at other times; asked before options change while the job runs. */
  checkCheckpoints?(checkpoints: CheckpointTimes): void
}

/** When checkpoints are taken; `intervalMs` undefined: only at the end and when asked for. */
export interface CheckpointTimes {
  readonly intervalMs: number | undefined
  readonly timeoutMs: number
}

/** What a writer is told and given by its task. Clock, disk, network and random numbers come from here, so that tests can simulate them. */
export interface WriterContext {
  readonly subtask: number
  readonly parallelism: number
  /** The job's name, for names that must not clash with another job's. */
  readonly jobName: string
  /** Stable id of the sink in the job. */
  readonly stateId: string
  /**
   * Grows with every start and restart of the job, also from a savepoint that was taken elsewhere: a writer of a former attempt that still lives has a smaller one. Two jobs that start from one savepoint, each in a
   * state folder of its own, may have the same.
   */
  readonly attempt: number
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  /**
   * Whether the job starts from a checkpoint. Then an empty list of restored handles only means that none fell to this subtask; without
   * one nothing a former attempt left behind will ever be committed. Undefined: not known.
   */
  readonly restoring?: boolean
  /** When checkpoints are taken, in milliseconds; `intervalMs` undefined: only at the end and when asked for. Undefined: not known. */
  readonly checkpoints?: CheckpointTimes
  /** Tells the task that `ready` may have changed. */
  wake(): void
  /** Fails the task with this error. */
  fail(error: unknown): void
  /** Tells the operator of something that is no failure. */
  report?(notice: ConnectorNotice): void
}

/** One subtask's end of a sink, driven by its task. Exactly once is two-phase commit: `prepare` at the barrier, `commit` once the checkpoint is complete. */
export interface SinkWriter<T> {
  /** Whether nothing of a value is looked at any more once `write` has returned, also not of what it refers to: sources may then use its memory again. Default false. */
  readonly keepsNothing?: boolean
  /**
   * Before the first record. `restored`: the handles of every former subtask that the restored checkpoint holds and that fall to this one.
   * All of them must be committed (again: commit is idempotent) before this resolves; whatever else a former attempt left behind is aborted or ignored.
   */
  open(restored: readonly unknown[]): void | Promise<void>
  /** Takes a record; must not block. It may buffer; see `ready`. */
  write(value: T, timestamp: number): void
  /** False while more should not be written: back-pressure. The task sleeps then until `wake` is called. Default: always ready. */
  ready?(): boolean
  /** Sends on what is buffered, soon; for sinks without a commit (print, at least once). Called when the input goes idle. */
  flush?(): void
  /**
   * At the barrier: what is written from now on belongs to the next checkpoint. The promise resolves when all that was written before is
   * durable (exactly once: and can be committed by the handles alone). Handles are plain data (structured-cloneable).
   */
  prepare(checkpointId: number): Promise<readonly unknown[]>
  /**
   * The checkpoint is complete: makes the handles' contents visible. Idempotent; retried by the runtime when it rejects with `retry`. Periodic checkpoints wait for commits that
   * have fallen behind, so it must not wait for another checkpoint.
   */
  commit?(handles: readonly unknown[], checkpointId: number): Promise<void>
  /** Always, also after a failure; must not commit. */
  close(): void | Promise<void>
}
