import type { RecordBatch } from '../exchange/elements.ts'
import type { InputKeys } from './input-keys.ts'
import type { InvocationKind, Invocations } from './invocations.ts'
import type { UnfinishedInput } from './operator.ts'
import type { ChainCursor, Receiver } from './receiver.ts'

/** The operator, as its inputs see it. */
export interface InputOperator {
  /** Whether a record cannot go the direct way: it must be buffered, has to wait, or tells its key. */
  readonly busy: boolean
  /** The way of a record then. */
  submit(input: UnfinishedInput): void
  watermark(time: number): void
}

/** The entry of one input of a process operator. A class of its own so that the way of a record is one short, monomorphic call. */
export class ProcessInput implements Receiver {
  readonly #operator: InputOperator
  readonly #invocations: Invocations
  readonly #keys: InputKeys
  readonly #what: InvocationKind
  readonly #cursor: ChainCursor
  readonly #aside: boolean

  constructor(operator: InputOperator, invocations: Invocations, keys: InputKeys, what: InvocationKind, cursor: ChainCursor) {
    this.#operator = operator
    this.#invocations = invocations
    this.#keys = keys
    this.#what = what
    this.#cursor = cursor
    this.#aside = invocations.failuresAside
  }

  receive(value: unknown): void {
    const key = this.#keys.keyOf(value)
    const hash = this.#keys.hashOf(key)
    if (this.#operator.busy) this.#operator.submit({ what: this.#what, value, timestamp: this.#cursor.timestamp, hash })
    else if (this.#aside) this.#invocations.aside(this.#what, value, key, hash)
    else this.#invocations.direct(this.#what, value, key, hash)
  }

  watermark(time: number): void {
    this.#operator.watermark(time)
  }

  get looksAhead(): boolean {
    return this.#keys.looksAhead
  }

  prepare({ values, hashes, count }: RecordBatch): Promise<void> | undefined {
    return hashes === undefined ? undefined : this.#keys.lookAhead(values, hashes, count)
  }
}
