/**
 * A source as the input of a task: when its reader is asked for more.
 *
 * 1. It is not asked while it waits to be woken, after its end, or from the barrier of a final checkpoint on until that is given up.
 * 2. While it waits event time is looked at all the same, unless an operator asks for a stop.
 * 3. A source that is drained ends here, as if there were no more; the end is given out once.
 */
import type { Chain } from '../../operators/chain.ts'
import type { SourceHead } from './source-head.ts'

export interface SourceInputHandler {
  end(): void
  wake(): void
}

export class SourceInput {
  readonly head: SourceHead
  readonly #chain: Chain
  readonly #handler: SourceInputHandler
  #next: 'more' | 'wait' | 'end' = 'more'
  #draining = false
  /** The final checkpoint whose barrier it has stopped at. */
  #stoppedFor: number | undefined

  constructor(head: SourceHead, chain: Chain, handler: SourceInputHandler) {
    this.head = head
    this.#chain = chain
    this.#handler = handler
  }

  /** Reads once; answers whether there was anything. @throws the chain's failure */
  poll(): boolean {
    if (this.#next === 'end') return false
    if (this.#waits) return this.head.lookAtTime()
    if (!this.#draining && (this.#stoppedFor !== undefined || this.#next === 'wait')) return false
    const before = this.head.emitted
    this.#next = this.#draining ? 'end' : this.head.poll()
    const { failure } = this.#chain.cursor
    if (failure !== undefined) throw failure
    if (this.#next === 'end') {
      this.head.finishTime()
      this.#handler.end()
    }
    return this.#next !== 'wait' || this.head.emitted > before
  }

  /** There may be something to read. */
  lookAgain(): void {
    if (this.#next === 'wait') this.#next = 'more'
  }

  /** Of the source over all its subtasks; undefined: no limit. */
  limit(recordsPerSecond: number | undefined): void {
    this.head.limit?.change(recordsPerSecond)
  }

  drain(): void {
    this.#draining = true
    this.#handler.wake()
  }

  stopFor(checkpointId: number): void {
    this.#stoppedFor = checkpointId
  }

  /** The checkpoint is given up: answers whether the source had stopped for it, and goes on now. */
  goOnWithout(checkpointId: number): boolean {
    if (this.#stoppedFor !== checkpointId) return false
    this.#stoppedFor = undefined
    return true
  }

  /** When event time is to be looked at although nothing is read, on the wall clock. */
  get nextLookMs(): number | undefined {
    return this.#waits ? this.head.nextLookMs : undefined
  }

  /** The reader has nothing at hand; event time may have something to tell all the same. */
  get #waits(): boolean {
    return this.#next === 'wait' && this.#stoppedFor === undefined && !this.#draining && !this.#chain.cursor.interrupted
  }
}
