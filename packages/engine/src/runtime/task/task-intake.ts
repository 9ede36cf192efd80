/**
 * What goes into a task's chain besides what a source reads: batches of records, and what the restored checkpoint had not finished.
 *
 * 1. The oldest goes in first: the rest of the batch that is being handed in, then what is replayed, then what is new.
 * 2. What is resumed goes in between the opening of the chain and the first record.
 * 3. While what a batch needs is being made ready, nothing goes in.
 * 4. Between two looks at what the master says, and at what else its thread has to do, a task works for about `LOOK_MS`, as far as single records allow:
 *    a batch of records that take long would keep the thread from answering for as long as all of them take.
 */
import type { Clock } from '@millrace/core'
import type { RecordBatch } from '../../exchange/elements.ts'
import type { Operator, UnfinishedInput } from '../../operators/operator.ts'
import type { Receiver } from '../../operators/receiver.ts'
import { BatchFeed, type BatchOrigin } from './batch-feed.ts'
import { Overtaking, type Replayed } from './overtaking.ts'
import type { TaskParts } from './task-types.ts'

const LOOK_MS = 5
const SLICE_FIRST = 16
const SLICE_MAX = 4_096

export class TaskIntake {
  readonly feed: BatchFeed
  /** Undefined: every checkpoint is aligned. */
  readonly overtaking: Overtaking | undefined
  readonly #resumes: (() => void)[] = []
  readonly #replayed: Replayed[] = []
  readonly #clock: Clock
  /** Records handed in at a time, where that is not found by measuring. */
  readonly #slice: number | undefined
  /** Records of batches. */
  recordsIn = 0

  /** `wake`: told when what a batch needs is ready. */
  constructor({ chain, unaligned, clock, sliceRecords }: TaskParts, wake: () => void) {
    this.feed = new BatchFeed(chain, wake)
    this.feed.slice = sliceRecords ?? SLICE_FIRST
    this.#clock = clock
    this.#slice = sliceRecords
    if (unaligned !== undefined) this.overtaking = new Overtaking(unaligned, this.feed)
  }

  /** Inputs that were unfinished at the restored checkpoint. */
  resumeAfterOpen(resume: () => void): void {
    this.#resumes.push(resume)
  }

  /** The chain is open. */
  resume(): void {
    for (const resume of this.#resumes.splice(0)) resume()
  }

  /** Handed in before any new input, in this order: what was in flight at the restored checkpoint. */
  replay(replayed: Replayed): void {
    this.#replayed.push(replayed)
  }

  /** What is still to be replayed. */
  get replayed(): readonly Replayed[] {
    return this.#replayed
  }

  /** Whether anything comes before what is new. */
  get behind(): boolean {
    return this.#replayed.length > 0 || this.feed.holds
  }

  take(batch: RecordBatch, origin: BatchOrigin, receiver: Receiver): void {
    this.recordsIn += batch.count
    this.#hand(() => this.feed.take(batch, origin, receiver))
  }

  /** Goes on with the batch that is being handed in. */
  goOn(): void {
    this.#hand(() => this.feed.goOn())
  }

  /** Hands in the next of what is replayed; answers whether there was any. */
  replayNext(): boolean {
    const next = this.#replayed.shift()
    if (next === undefined) return false
    if (next.kind === 'unfinished') next.operator.resume(next.inputs)
    else this.take(next.batch, next.origin, next.receiver)
    return true
  }

  /** What the operator has not finished, or not begun again since the restore. */
  unfinished(operator: Operator): readonly UnfinishedInput[] {
    const waiting = this.#replayed.flatMap((each) => (each.kind === 'unfinished' && each.operator === operator ? each.inputs : []))
    return waiting.length === 0 ? operator.unfinished() : [...waiting, ...operator.unfinished()]
  }

  /** Hands records in, and finds out how many of them are about right. */
  #hand(some: () => void): void {
    if (this.#slice !== undefined) return some()
    const startMs = this.#clock.monotonic()
    some()
    const tookMs = this.#clock.monotonic() - startMs
    const { slice } = this.feed
    if (tookMs > LOOK_MS) this.feed.slice = Math.max(1, Math.floor(slice / 2))
    else if (tookMs < LOOK_MS / 2) this.feed.slice = Math.min(SLICE_MAX, slice * 2)
  }
}
