import type { Operator } from './operator.ts'
import type { Receiver } from './receiver.ts'

/** Operators of a chain that had finished when the restored checkpoint was taken: they do not finish again, unless a record comes to them after all. */
export class FinishedBefore {
  readonly #operators: Set<number>

  constructor(operators: Iterable<number> = []) {
    this.#operators = new Set(operators)
  }

  has(operator: number): boolean {
    return this.#operators.has(operator)
  }

  /** Something has come to the operator. */
  reopen(operator: number): void {
    this.#operators.delete(operator)
  }

  /** Where records of an input go. */
  input(operator: Operator, index: 0 | 1): Receiver {
    return this.watched(operator.host.node.id, operator.input(index))
  }

  /** The receiver itself, where there is nothing to be seen. */
  watched(operator: number, receiver: Receiver): Receiver {
    return this.has(operator) ? new WatchedInput(receiver, () => this.reopen(operator)) : receiver
  }
}

class WatchedInput implements Receiver {
  readonly #next: Receiver
  readonly #came: () => void

  constructor(next: Receiver, came: () => void) {
    this.#next = next
    this.#came = came
  }

  receive(value: unknown): void {
    this.#came()
    this.#next.receive(value)
  }

  watermark(time: number): void {
    this.#next.watermark(time)
  }

  get looksAhead(): boolean {
    return this.#next.looksAhead === true
  }

  prepare(...batch: Parameters<NonNullable<Receiver['prepare']>>): Promise<void> | undefined {
    return this.#next.prepare?.(...batch)
  }
}
