/**
 * A task's part in unaligned checkpoints: what is in flight to it when a snapshot overtakes it, and how long it works before it looks up.
 *
 * 1. In flight are, in this order: what is still to be replayed from the restored checkpoint, the rest of the batch that is being handed in, what the gate has read
 *    ahead, and what the overtaken channels bring up to their barrier.
 * 2. More than `bytesMax` in flight gives up the checkpoint, never the job.
 * 3. Between two looks at what the master says a task works for about `LOOK_MS`, as far as single records allow.
 */
import type { Clock } from '@millrace/core'
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

const LOOK_MS = 5
const SLICE_MAX = 4_096

export class Overtaking {
  readonly #settings: UnalignedSettings
  readonly #feed: BatchFeed
  readonly #clock: Clock
  /** Fixed, or found by measuring. */
  readonly #slice: number | undefined
  #inFlight: { readonly checkpointId: number; readonly snapshot: InFlightSnapshot } | undefined

  constructor(settings: UnalignedSettings, feed: BatchFeed, clock: Clock, slice: number | undefined) {
    this.#settings = settings
    this.#feed = feed
    this.#clock = clock
    this.#slice = slice
    feed.slice = slice ?? 16
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

  /** Hands records in, and finds out how many of them are about right. */
  feed(hand: () => void): void {
    if (this.#slice !== undefined) return hand()
    const startMs = this.#clock.monotonic()
    hand()
    const tookMs = this.#clock.monotonic() - startMs
    const { slice } = this.#feed
    if (tookMs > LOOK_MS) this.#feed.slice = Math.max(1, Math.floor(slice / 2))
    else if (tookMs < LOOK_MS / 2) this.#feed.slice = Math.min(SLICE_MAX, slice * 2)
  }
}
