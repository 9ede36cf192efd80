import type { EnumeratorContext, ReaderContext, Source, SourceOutput, SourceReader, Split, SplitEnumerator } from '@millrace/engine'
import { report } from './report.ts'

/** Which of the events a reader makes, and where it stands: those of `residue` modulo `modulus`, from `next`. */
interface EventSplit extends Split {
  readonly modulus: number
  readonly residue: number
  readonly next: number
}

const EVENTS_A_POLL = 256

/** A bounded source of `count` events: subtask s of P makes those with index modulo P = s, in order. */
export function eventSource<T>(count: number, make: () => (index: number) => T): Source<T> {
  return {
    connector: 'nexmark',
    replayable: true,
    bounded: true,
    createEnumerator: (context) => new EventEnumerator(context),
    createReader: (context) => new EventReader<T>(count, make(), context),
  }
}

class EventEnumerator implements SplitEnumerator {
  readonly #context: EnumeratorContext
  #waiting: Split[] = []
  #restored = false

  constructor(context: EnumeratorContext) {
    this.#context = context
  }

  start(restored: unknown): void {
    this.#restored = restored !== undefined
    const modulus = this.#context.parallelism
    if (!this.#restored) {
      this.#waiting = Array.from(
        { length: modulus },
        (_, residue) => ({ id: `${residue}`, modulus, residue, next: residue }) satisfies EventSplit,
      )
    }
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#waiting.push(...splits)
  }

  addReader(subtask: number): void {
    const { parallelism } = this.#context
    this.#context.assign(
      subtask,
      this.#waiting.filter((_, index) => index % parallelism === subtask),
    )
    this.#context.noMoreSplits(subtask)
  }

  snapshot(): unknown {
    return {}
  }

  close(): void {}
}

class EventReader<T> implements SourceReader<T> {
  readonly #count: number
  readonly #make: (index: number) => T
  readonly #context: ReaderContext
  #splits: { id: string; modulus: number; residue: number; next: number }[] = []
  #complete = false
  #started = false

  constructor(count: number, make: (index: number) => T, context: ReaderContext) {
    this.#count = count
    this.#make = make
    this.#context = context
  }

  addSplits(splits: readonly Split[]): void {
    this.#splits.push(...(splits as readonly EventSplit[]).map((split) => ({ ...split })))
  }

  noMoreSplits(): void {
    this.#complete = true
  }

  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end' {
    const split = this.#splits.find(({ next }) => next < this.#count)
    if (split === undefined) return this.#complete ? 'end' : 'wait'
    if (!this.#started) {
      this.#started = true
      report('source', this.#context.subtask, { startedMs: performance.timeOrigin + performance.now() })
    }
    const make = this.#make
    const { modulus } = split
    const end = Math.min(this.#count, split.next + EVENTS_A_POLL * modulus)
    let index = split.next
    for (; index < end; index += modulus) output.emit(make(index))
    split.next = index
    return 'more'
  }

  snapshot(): readonly Split[] {
    return this.#splits.map((split) => ({ ...split }))
  }

  close(): void {}
}
