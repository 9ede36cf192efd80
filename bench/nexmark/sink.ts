import type { Sink, SinkWriter, WriterContext } from '@millrace/engine'
import { report } from './report.ts'
import { RowChecksum } from './row-checksum.ts'

/** Adds a row to the checksum: numbers by `hashNumber`, strings by `checksum.string`, then `checksum.end`. Answers inserts minus deletes: 1, 0 or -1. */
export type AddRow<T> = (row: T, checksum: RowChecksum) => number

/** What was written between two checkpoints. */
export interface SinkReport {
  readonly id: string
  readonly outputs: number
  readonly count: number
  readonly sum: number
  /** Wall clock; undefined without outputs. */
  readonly firstMs: number | undefined
  readonly endedMs: number
}

/** Discards rows after adding them to the count and the checksum; these are reported exactly once, a part with each checkpoint. */
export function checksumSink<T>(add: AddRow<T> | undefined): Sink<T> {
  return {
    connector: 'checksum',
    delivery: 'exactly-once',
    createWriter: (context) => new ChecksumWriter<T>(context, add),
  }
}

class ChecksumWriter<T> implements SinkWriter<T> {
  readonly #context: WriterContext
  readonly #add: AddRow<T> | undefined
  readonly #checksum: RowChecksum = new RowChecksum()
  #outputs = 0
  #count = 0
  #reportedSum = 0
  #firstMs: number | undefined = undefined

  constructor(context: WriterContext, add: AddRow<T> | undefined) {
    this.#context = context
    this.#add = add
  }

  async open(restored: readonly unknown[]): Promise<void> {
    await this.commit(restored)
  }

  write(row: T): void {
    if (this.#outputs++ === 0) this.#firstMs = performance.timeOrigin + performance.now()
    this.#count += this.#add === undefined ? 1 : this.#add(row, this.#checksum)
  }

  /** The last of these calls is that of the final checkpoint, after the end of the input. */
  async prepare(checkpointId: number): Promise<readonly SinkReport[]> {
    const endedMs = performance.timeOrigin + performance.now()
    const { sum } = this.#checksum
    const id = `${this.#context.subtask}-${checkpointId}`
    const part = { id, outputs: this.#outputs, count: this.#count, sum: (sum - this.#reportedSum) | 0, firstMs: this.#firstMs, endedMs }
    this.#reportedSum = sum
    this.#outputs = 0
    this.#count = 0
    this.#firstMs = undefined
    return [part]
  }

  async commit(parts: readonly unknown[]): Promise<void> {
    for (const part of parts as readonly SinkReport[]) report('sink', part.id, part)
  }

  close(): void {}
}
