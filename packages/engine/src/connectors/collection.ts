import { FixedSplits } from './fixed-splits.ts'
import type { Source, SourceOutput, SourceReader, Split } from './source.ts'

const recordsPerPoll = 256

interface CollectionSplit extends Split {
  /** Index of the next value. */
  readonly next: number
}

/**
 * The given values, in order, read by one subtask; ends after the last. Read again after a failure from where the checkpoint stood,
 * so the values must be the same at every build of the job.
 *
 * The iterable is drained when the first reader needs it, and held in memory: an endless one never gets that far (use `generator`).
 */
export function collection<T>(values: Iterable<T>): Source<T> {
  let drained: readonly T[] | undefined = Array.isArray(values) ? (values as readonly T[]) : undefined
  return {
    connector: 'collection',
    replayable: true,
    bounded: true,
    createEnumerator: (context) => new FixedSplits<CollectionSplit>(context, { initial: () => [{ id: 'collection', next: 0 }] }),
    createReader: () => new CollectionReader<T>(() => (drained ??= Array.from(values))),
  }
}

class CollectionReader<T> implements SourceReader<T> {
  readonly #values: () => readonly T[]
  #next: number | undefined
  #ends = false

  constructor(values: () => readonly T[]) {
    this.#values = values
  }

  addSplits(splits: readonly Split[]): void {
    for (const split of splits as readonly CollectionSplit[]) this.#next = split.next
  }

  noMoreSplits(): void {
    this.#ends = true
  }

  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end' {
    if (this.#next === undefined) return this.#ends ? 'end' : 'wait'
    const values = this.#values()
    const end = Math.min(values.length, this.#next + recordsPerPoll)
    while (this.#next < end) {
      output.emit(values[this.#next++]!)
      if (output.enough === true) break
    }
    if (this.#next < values.length) return 'more'
    this.#next = undefined
    return this.#ends ? 'end' : 'wait'
  }

  snapshot(): readonly CollectionSplit[] {
    return this.#next === undefined ? [] : [{ id: 'collection', next: this.#next }]
  }

  position(): string {
    if (this.#next === undefined) return 'collection'
    return this.#next === 0 ? '' : `collection[${this.#next - 1}]`
  }

  close(): void {}
}
