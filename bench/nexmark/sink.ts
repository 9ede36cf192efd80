import type { Sink, SinkWriter, WriterContext } from '@millrace/engine'
import { report } from './report.ts'
import { RowChecksum } from './row-checksum.ts'

/** Adds a row to the checksum: numbers by `hashNumber`, strings by `checksum.string`, then `checksum.end`. Answers inserts minus deletes: 1, 0 or -1. */
export type AddRow<T> = (row: T, checksum: RowChecksum) => number

/** Discards rows after adding them to the count and the checksum. */
export function checksumSink<T>(add: AddRow<T> | undefined): Sink<T> {
  return {
    connector: 'checksum',
    delivery: 'none',
    createWriter: (context) => new ChecksumWriter<T>(context, add),
  }
}

class ChecksumWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #add: AddRow<T> | undefined
  readonly #checksum: RowChecksum = new RowChecksum()
  #outputs = 0
  #count = 0
  #firstMs = 0

  constructor(context: WriterContext, add: AddRow<T> | undefined) {
    this.#context = context
    this.#add = add
  }

  open(): void {}

  write(row: T): void {
    if (this.#outputs++ === 0) this.#firstMs = performance.timeOrigin + performance.now()
    this.#count += this.#add === undefined ? 1 : this.#add(row, this.#checksum)
  }

  /** The last of these calls is that of the final checkpoint, after the end of the input. */
  async prepare(): Promise<readonly unknown[]> {
    const endedMs = performance.timeOrigin + performance.now()
    const { sum } = this.#checksum
    report('sink', this.#context.subtask, { outputs: this.#outputs, count: this.#count, sum, firstMs: this.#firstMs, endedMs })
    return []
  }

  close(): void {}
}
