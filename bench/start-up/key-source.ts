import type { ReaderContext, Source, SourceOutput, SourceReader, Split, SplitEnumerator } from '@millrace/engine'

/** Where a subtask stands: it has emitted the records before `next`. */
interface KeySplit extends Split {
  readonly next: number
}

export interface KeyRecord {
  readonly number: number
  /** Every key has been seen before. */
  readonly again: boolean
}

const RECORDS_A_POLL = 256
/** Between two records, once every key has been seen. */
const PAUSE_MS = 10

/** Each number below `count` once, as fast as they are taken, and then some of them again, for ever, one every few milliseconds. */
export function keySource(count: number): Source<KeyRecord> {
  return {
    connector: 'keys',
    replayable: true,
    bounded: false,
    createEnumerator: (context): SplitEnumerator => {
      let restored: readonly Split[] | undefined
      return {
        start: () => {},
        addSplitsBack: (splits) => (restored = splits),
        addReader: (subtask) => {
          const first: KeySplit = { id: `${subtask}`, next: subtask }
          context.assign(subtask, restored === undefined ? [first] : restored.filter(({ id }) => id === first.id))
          context.noMoreSplits(subtask)
        },
        snapshot: () => ({}),
        close: () => {},
      }
    },
    createReader: (context) => new KeyReader(count, context),
  }
}

class KeyReader implements SourceReader<KeyRecord> {
  readonly #count: number
  readonly #context: ReaderContext
  #next: number | undefined
  #timer: NodeJS.Timeout | undefined
  #isDue = true

  constructor(count: number, context: ReaderContext) {
    this.#count = count
    this.#context = context
  }

  addSplits([split]: readonly Split[]): void {
    if (split !== undefined) this.#next = (split as KeySplit).next
  }

  noMoreSplits(): void {}

  poll(output: SourceOutput<KeyRecord>): 'more' | 'wait' {
    if (this.#next === undefined) return 'wait'
    const { parallelism } = this.#context
    for (let n = 0; n < RECORDS_A_POLL && this.#next < this.#count; n++) {
      output.emit({ number: this.#next, again: false })
      this.#next += parallelism
    }
    if (this.#next < this.#count) return 'more'
    if (this.#isDue) {
      this.#isDue = false
      output.emit({ number: this.#next % this.#count, again: true })
      this.#next += parallelism
      this.#timer = setTimeout(() => {
        this.#isDue = true
        this.#context.wake()
      }, PAUSE_MS)
    }
    return 'wait'
  }

  snapshot(): readonly Split[] {
    if (this.#next === undefined) return []
    const split: KeySplit = { id: `${this.#context.subtask}`, next: this.#next }
    return [split]
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}
