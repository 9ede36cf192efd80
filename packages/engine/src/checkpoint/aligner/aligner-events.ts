import type { CheckpointMode } from '../options.ts'

export interface AlignerOptions {
  /** Input channels; 0 for sources, which only `trigger` reaches. */
  readonly channels: number
  readonly mode: CheckpointMode
  /** By channel: its barrier is waited for also where others are overtaken, for what it holds cannot be dealt out anew. Default: none. */
  readonly alignedOnly?: readonly boolean[]
  /** Checkpoints followed at a time in at-least-once mode; one more gives up the oldest. Default 50. */
  readonly pendingMax?: number
  /** Ids up to this one are over: the restored checkpoint's. Default 0. */
  readonly settledId?: number
}

/** What the aligner is told. Events of a blocked channel are withheld until it is unblocked. */
export type AlignerEvent =
  | { readonly kind: 'barrier'; readonly channel: number; readonly checkpointId: number; readonly triggeredMs: number }
  | { readonly kind: 'cancel-barrier'; readonly channel: number; readonly checkpointId: number }
  | { readonly kind: 'end'; readonly channel: number }
  /** From the coordinator, to every subtask: takes effect for sources at once, elsewhere once all channels have ended. */
  | { readonly kind: 'trigger'; readonly checkpointId: number; readonly triggeredMs: number }
  /** From the coordinator: the checkpoint is given up. */
  | { readonly kind: 'abort'; readonly checkpointId: number }
  /** This checkpoint waits no longer for barriers that have data before them: what they have is to be part of it. Exactly-once alone. */
  | { readonly kind: 'overtake'; readonly checkpointId: number; readonly triggeredMs: number }
  /** An overtaken channel turns out to end, or to go on with a newer checkpoint, before its barrier has come. */
  | { readonly kind: 'ends-ahead'; readonly channel: number }
  | { readonly kind: 'skips-ahead'; readonly channel: number }
  /** Too much is held back for the alignment under way or in flight with a snapshot, or it takes too long. */
  | { readonly kind: 'limit-exceeded'; readonly limit: 'bytes' | 'time' }

/** Why a task gave up a checkpoint before its part of it was whole. */
export type AlignmentDecline = 'superseded' | 'cancelled-upstream' | 'alignment-bytes' | 'alignment-time' | 'too-many-pending'

/** What is to be done, in this order. */
export type AlignerAction =
  /** Take nothing more from this channel. */
  | { readonly kind: 'block'; readonly channel: number }
  /** Go on with all blocked channels; what they hold comes before anything newer. */
  | { readonly kind: 'unblock-all' }
  /**
   * Take the snapshot now, before anything else is processed, and forward the barrier (to outputs that have not ended). What the channels in `overtaken` have
   * received and not processed, and what they bring up to their barrier or end, is part of it: read on there, ahead of processing it.
   */
  | { readonly kind: 'snapshot'; readonly checkpointId: number; readonly triggeredMs: number; readonly overtaken: readonly number[] }
  /** The last barrier of the overtaken channels has come: with what was in flight the snapshot is whole. */
  | { readonly kind: 'collected'; readonly checkpointId: number }
  /** What is in flight need not be collected any more. */
  | { readonly kind: 'give-up-collecting'; readonly checkpointId: number }
  /** Send the cancellation on, to outputs that have not ended. */
  | { readonly kind: 'forward-cancel'; readonly checkpointId: number }
  /** Tell the coordinator that there will be no snapshot of this checkpoint. */
  | { readonly kind: 'decline'; readonly checkpointId: number; readonly reason: AlignmentDecline }
  /** Nothing: the checkpoint is over already. */
  | { readonly kind: 'ignored'; readonly checkpointId: number }
