/**
 * What goes into a task's chain besides what a source reads: batches of records, and what the restored checkpoint had not finished.
 *
 * 1. The oldest goes in first: the rest of the batch that is being handed in, then what is replayed, then what is new.
 * 2. What is resumed goes in between the opening of the chain and the first record.
 * 3. While what a batch needs is being made ready, nothing goes in.
 */
import type { RecordBatch } from '../../exchange/elements.ts'
import type { Operator, UnfinishedInput } from '../../operators/operator.ts'
import type { Receiver } from '../../operators/receiver.ts'
import { BatchFeed, type BatchOrigin } from './batch-feed.ts'
import { Overtaking, type Replayed } from './overtaking.ts'
import { WorkSlice } from '../work-slice.ts'
import type { TaskParts } from './task-types.ts'

export class TaskIntake {
  readonly feed: BatchFeed
  /** Undefined: every checkpoint is aligned. */
  readonly overtaking: Overtaking | undefined
  readonly #resumes: (() => void)[] = []
  readonly #replayed: Replayed[] = []
  /** Records of batches. */
  recordsIn = 0

  /** `wake`: told when what a batch needs is ready. */
  constructor({ chain, unaligned, clock, sliceRecords }: TaskParts, wake: () => void) {
    this.feed = new BatchFeed(chain, new WorkSlice(clock, sliceRecords), wake)
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
    this.feed.take(batch, origin, receiver)
  }

  /** Goes on with the batch that is being handed in. */
  goOn(): void {
    this.feed.goOn()
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
}
