/** Whether records between barriers may be counted twice after a failure. */
export type CheckpointMode = 'exactly-once' | 'at-least-once'

/** Checkpointing as the coordinator needs it: every duration in milliseconds, every default filled in. */
export interface CheckpointOptions {
  /** Between two periodic triggers; undefined: none but the final one and those asked for. */
  readonly intervalMs: number | undefined
  readonly mode: CheckpointMode
  /** Whether what is in flight may be part of a checkpoint, so that it need not wait for it. Exactly-once, with one checkpoint at a time. Default false. */
  readonly unaligned?: boolean
  /** At least this long from the end of one to the next periodic trigger; above 0 there is never more than one at a time. */
  readonly minPauseMs: number
  /** A checkpoint that has not all its snapshots by then is given up. */
  readonly timeoutMs: number
  /** Checkpoints under way at a time; the final one comes on top. */
  readonly maxConcurrent: number
  /** So many failed checkpoints in a row the job bears; one more fails it. */
  readonly tolerableFailures: number
  /** Completed checkpoints kept. */
  readonly numRetained: number
  /** Whether they are kept when the user cancels the job. */
  readonly retainOnCancel: boolean
}
