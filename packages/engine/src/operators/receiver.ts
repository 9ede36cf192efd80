import { NO_TIMESTAMP, type RecordBatch } from '../exchange/elements.ts'
import { freezeDeep } from '../state/values/freeze.ts'
import type { OperatorFailure } from './failure.ts'

/**
 * Whatever takes an operator's output: the next operator of the chain, several of them, an exchange.
 * One direct call a record; the record's time stamp and key hash are in the chain's `ChainCursor`.
 */
export interface Receiver {
  receive(value: unknown): void
  /** No record with a time stamp of `time` or less follows. Never falls. */
  watermark(time: number): void
  /** Whether `prepare` is worth more for many records than for few. */
  readonly looksAhead?: boolean
  /** These records are about to be handed in. Resolves when what they need is at hand; undefined: it need not be waited for. */
  prepare?(batch: RecordBatch): Promise<void> | undefined
}

/**
 * What the operators of one chain share while a record passes through them. Fields instead of arguments: a time stamp handed from call
 * to call would be boxed each time.
 */
export class ChainCursor {
  /** Event time of the record that is passing, or `NO_TIMESTAMP`. */
  timestamp: number = NO_TIMESTAMP
  /** Key hash that the sender computed for the record at the chain's head. */
  hash: number = 0
  /** Whether the task must look before it hands in the next record: an operator is full, must be alone, or has failed. */
  interrupted: boolean = false
  /** The first failure of an operator. Set before the exception unwinds, so that no user code upstream can swallow it. */
  failure: OperatorFailure | undefined
}

/** An output that nothing reads. */
export const nowhere: Receiver = { receive: () => {}, watermark: () => {} }

/** Development mode: what is emitted is frozen on its way, so that whoever changes it afterwards finds out. */
export class Freezing implements Receiver {
  readonly #next: Receiver

  constructor(next: Receiver) {
    this.#next = next
  }

  receive(value: unknown): void {
    this.#next.receive(freezeDeep(value))
  }

  watermark(time: number): void {
    this.#next.watermark(time)
  }
}

/** Hands each record to several receivers, in order. */
export class FanOut implements Receiver {
  readonly #receivers: readonly Receiver[]
  readonly #cursor: ChainCursor

  constructor(receivers: readonly Receiver[], cursor: ChainCursor) {
    this.#receivers = receivers
    this.#cursor = cursor
  }

  receive(value: unknown): void {
    const { timestamp, hash } = this.#cursor
    for (const receiver of this.#receivers) {
      this.#cursor.timestamp = timestamp
      this.#cursor.hash = hash
      receiver.receive(value)
    }
  }

  watermark(time: number): void {
    for (const receiver of this.#receivers) receiver.watermark(time)
  }
}

/** The cheapest receiver for these. */
export function fanOut(receivers: readonly Receiver[], cursor: ChainCursor): Receiver {
  return receivers.length === 0 ? nowhere : receivers.length === 1 ? receivers[0]! : new FanOut(receivers, cursor)
}

/** One input with several senders in the same chain: records pass straight through, a watermark once every sender has told it. */
export class WatermarkMerge {
  readonly #input: Receiver
  readonly #times: number[] = []
  #passed = -Infinity

  constructor(input: Receiver) {
    this.#input = input
  }

  /** The receiver for one more sender. */
  branch(): Receiver {
    const index = this.#times.push(-Infinity) - 1
    return {
      receive: (value) => this.#input.receive(value),
      watermark: (time) => {
        this.#times[index] = time
        const smallest = Math.min(...this.#times)
        if (smallest <= this.#passed) return
        this.#passed = smallest
        this.#input.watermark(smallest)
      },
    }
  }
}
