import type { Sink, SinkWriter, WriterContext } from '../sink.ts'
import type { Deliver } from './result-buffer.ts'

/** How far results may run ahead of whoever takes them. */
export interface CollectSinkOptions {
  /** Records a subtask may have delivered that are not yet taken: from here on it presses back. 4096 by default. */
  readonly recordsMax?: number
}

const batchRecords = 256

/**
 * Gives results to `deliver`, a batch at a time: to a `ResultBuffer`, or over to another thread. Once a batch is `taken` there is room
 * for more. Nothing is held back for a checkpoint, so after a failure results come again.
 */
export function collectSink<T>(deliver: Deliver<T>, options: CollectSinkOptions = {}): Sink<T> {
  const recordsMax = options.recordsMax ?? 4_096
  return {
    connector: 'collect',
    delivery: 'none',
    createWriter: (context) => new CollectWriter<T>(context, deliver, recordsMax),
  }
}

/** At most `recordsMax` records and one batch are under way, as long as the caller heeds `ready`. */
class CollectWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #deliver: Deliver<T>
  readonly #recordsMax: number
  #batch: T[] = []
  #underWay = 0
  #pressing = false
  #closed = false

  constructor(context: WriterContext, deliver: Deliver<T>, recordsMax: number) {
    this.#context = context
    this.#deliver = deliver
    this.#recordsMax = recordsMax
  }

  open(): void {}

  write(value: T): void {
    this.#batch.push(value)
    if (this.#batch.length >= batchRecords) this.flush()
  }

  ready(): boolean {
    this.#pressing = this.#underWay + this.#batch.length >= this.#recordsMax
    if (this.#pressing) this.flush()
    return !this.#pressing
  }

  flush(): void {
    const batch = this.#batch
    if (batch.length === 0) return
    this.#batch = []
    this.#underWay += batch.length
    let isTaken = false
    this.#deliver(batch, () => {
      if (isTaken) return
      isTaken = true
      this.#taken(batch.length)
    })
  }

  async prepare(): Promise<readonly unknown[]> {
    this.flush()
    return []
  }

  close(): void {
    if (!this.#closed) this.flush()
    this.#closed = true
  }

  #taken(count: number): void {
    this.#underWay -= count
    if (this.#pressing && !this.#closed && this.ready()) this.#context.wake()
  }
}
