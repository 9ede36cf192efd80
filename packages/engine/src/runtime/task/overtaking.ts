/**
 * A task's part in unaligned checkpoints: what is in flight to it when a snapshot overtakes it.
 *
 * 1. In flight are, in this order: what is still to be replayed from the restored checkpoint, the rest of the batch that is being handed in, what the gate has read
 *    ahead, and what the overtaken channels bring up to their barrier.
 * 2. More than `bytesMax` in flight gives up the checkpoint, never the job.
 */
import type { RecordBatch } from '../../exchange/elements.ts'
import type { Operator, UnfinishedInput } from '../../operators/operator.ts'
import type { Receiver } from '../../operators/receiver.ts'
import type { BatchFeed, BatchOrigin } from './batch-feed.ts'
import type { UnalignedSettings } from '../deployment/deployment.ts'
import { InFlightSnapshot, type CollectingTimes } from '../snapshot/in-flight.ts'

/** A batch that the restored checkpoint had in flight, or inputs of an operator that asynchronous functions had not finished. */
export type Replayed =
  | { readonly kind: 'batch'; readonly batch: RecordBatch; readonly origin: BatchOrigin; readonly receiver: Receiver }
  | { readonly kind: 'unfinished'; readonly operator: Operator; readonly inputs: readonly UnfinishedInput[] }

export class Overtaking {
  readonly #settings: UnalignedSettings
  readonly #feed: BatchFeed
  #inFlight: { readonly checkpointId: number; readonly snapshot: InFlightSnapshot } | undefined

  constructor(settings: UnalignedSettings, feed: BatchFeed) {
    this.#settings = settings
    this.#feed = feed
  }

  /** The snapshot of this checkpoint is taken now: what of the task's own is in flight to it. Undefined: nothing is, nor will be. */
  begin(checkpointId: number, overtakes: boolean, replay: readonly Replayed[]): InFlightSnapshot | undefined {
    const rest = this.#feed.rest()
    if (!overtakes && replay.length === 0 && rest === undefined) return undefined
    const snapshot = new InFlightSnapshot()
    // What is being handed in is of the channels, or of what is replayed before them: never both.
    if (rest !== undefined) snapshot.add(rest.origin, rest.batch)
    for (const each of replay) if (each.kind === 'batch') snapshot.add(each.origin, each.batch)
    this.#inFlight = { checkpointId, snapshot }
    return snapshot
  }

  /** Records that a channel has brought before its barrier. */
  add(batch: RecordBatch, input: 0 | 1): void {
    this.#inFlight?.snapshot.add({ operator: 0, input }, batch)
  }

  get exceeded(): boolean {
    return this.#inFlight !== undefined && this.#inFlight.snapshot.sizeBytes > this.#settings.bytesMax
  }

  /** Nothing more is in flight. Answers the checkpoint if it is too much: it has come to nothing. */
  complete(times: CollectingTimes): number | undefined {
    const { exceeded } = this
    const inFlight = this.#inFlight
    this.#inFlight = undefined
    if (exceeded) return inFlight!.checkpointId
    inFlight?.snapshot.complete(times)
    return undefined
  }

  giveUp(): void {
    this.#inFlight = undefined
  }
}
