import type { EnumeratorContext, ReaderContext, Source, SourceOutput, SourceReader, Split, SplitEnumerator } from '@millrace/engine'
import { isReported, report } from './report.ts'

/** Which of the events a reader makes, and where it stands: those of `residue` modulo `modulus`, from `next`. */
interface EventSplit extends Split {
  readonly modulus: number
  readonly residue: number
  readonly next: number
}

type OpenSplit = { -readonly [field in keyof EventSplit]: EventSplit[field] }

const EVENTS_A_POLL = 256

export interface EventSourceOptions<T> {
  readonly count: number
  readonly make: () => (index: number) => T
  /** The first reader that comes to this event fails there, once a job, after a checkpoint has completed. 0: none does. */
  readonly crashAt: number
  /** The start that is reported is that of the first reader to come to this event. */
  readonly timedFrom?: number
}

const CRASH_LOOK_MS = 5

/** A bounded source of `count` events: subtask s of P makes those with index modulo P = s, in order. */
export function eventSource<T>(options: EventSourceOptions<T>): Source<T> {
  return {
    connector: 'nexmark',
    replayable: true,
    bounded: true,
    createEnumerator: (context) => new EventEnumerator(context),
    createReader: (context) => new EventReader<T>(options, context),
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
  readonly #crashAt: number
  readonly #timedFrom: number
  readonly #context: ReaderContext
  #splits: OpenSplit[] = []
  #complete = false
  #started = false
  #checkpointed = false

  constructor({ count, make, crashAt, timedFrom = 0 }: EventSourceOptions<T>, context: ReaderContext) {
    this.#count = count
    this.#make = make()
    this.#crashAt = crashAt
    this.#timedFrom = timedFrom
    this.#context = context
  }

  addSplits(splits: readonly Split[]): void {
    this.#splits.push(...(splits as readonly EventSplit[]).map((split) => ({ ...split })))
  }

  noMoreSplits(): void {
    this.#complete = true
  }

  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end' {
    const split = this.#furthestBehind()
    if (split === undefined) return this.#complete ? 'end' : 'wait'
    if (this.#crashAt > 0 && split.next >= this.#crashAt && !isReported('crash')) return this.#crash()
    if (!this.#started && split.next >= this.#timedFrom) {
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

  checkpointComplete(): void {
    this.#checkpointed = true
  }

  /** After a rescale a reader may have several splits: the least event of all comes first, so that its time stamps do not fall. */
  #furthestBehind(): OpenSplit | undefined {
    let least: OpenSplit | undefined
    for (const split of this.#splits) if (split.next < (least?.next ?? this.#count)) least = split
    return least
  }

  #crash(): 'wait' {
    if (this.#checkpointed) {
      report('crash', this.#context.subtask, {})
      throw new Error('the crash that was asked for')
    }
    this.#context.clock.after(CRASH_LOOK_MS, () => this.#context.wake())
    return 'wait'
  }

  snapshot(): readonly Split[] {
    return this.#splits.map((split) => ({ ...split }))
  }

  close(): void {}
}
