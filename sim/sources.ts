/** The sources of a scenario. Each gives the ids of its range, whatever kind it is. */
import type { Cancel } from '@millrace/core'
import {
  collection,
  files,
  generator,
  type EnumeratorContext,
  type ReaderContext,
  type Source,
  type SourceOutput,
  type SourceReader,
  type Split,
  type SplitEnumerator,
} from '@millrace/engine'
import type { SourceKind } from './scenario.ts'
import { traced, type Traced } from './traced.ts'

export interface IdRange {
  readonly first: number
  readonly end: number
}

export function sourceOf(kind: SourceKind, range: IdRange, ratePerSecond: number | undefined, path: string): Source<Traced> {
  const { first, end } = range
  switch (kind) {
    case 'generator':
      return generator<Traced>({
        count: end - first,
        ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
        generate: (index) => traced(first + index),
      })
    case 'collection':
      return collection(Array.from({ length: end - first }, (_, index) => traced(first + index, `collection-${first}`)))
    case 'splits':
      return splits(range, ratePerSecond)
    case 'files':
      return files({ path, parse: (line) => traced(Number(line), path) })
  }
}

/** What `files` reads. */
export function fileContent({ first, end }: IdRange): string {
  return Array.from({ length: end - first }, (_, index) => `${first + index}\n`).join('')
}

const SPLITS = 5
const RECORDS_A_POLL = 7

interface RangeSplit extends Split {
  readonly next: number
  readonly step: number
  readonly end: number
}

/** Several splits, handed out one after the other while the job runs: assignments fall everywhere between barriers. */
export function splits({ first, end }: IdRange, ratePerSecond: number | undefined, count = SPLITS): Source<Traced> {
  const initial = Array.from({ length: count }, (_, index): RangeSplit => ({
    id: `split-${first}-${index}`,
    next: first + index,
    step: count,
    end,
  }))
  return {
    connector: 'splits',
    replayable: true,
    bounded: true,
    createEnumerator: (context) => new GradualEnumerator(context, initial),
    createReader: (context) => new RangeReader(context, ratePerSecond),
  }
}

class GradualEnumerator implements SplitEnumerator {
  readonly #context: EnumeratorContext
  #left: RangeSplit[]
  readonly #readers: number[] = []
  #turn = 0
  #timer: Cancel | undefined

  constructor(context: EnumeratorContext, initial: readonly RangeSplit[]) {
    this.#context = context
    this.#left = [...initial]
  }

  start(restored: unknown): void {
    if (restored !== undefined) this.#left = [...(restored as readonly RangeSplit[])]
  }

  addSplitsBack(splits: readonly Split[]): void {
    this.#left.unshift(...(splits as readonly RangeSplit[]))
  }

  addReader(subtask: number): void {
    this.#readers.push(subtask)
    if (this.#left.length === 0) this.#context.noMoreSplits(subtask)
    else this.#timer ??= this.#context.clock.after(1, () => this.#handOut())
  }

  snapshot(): readonly RangeSplit[] {
    return [...this.#left]
  }

  close(): void {
    this.#timer?.()
  }

  #handOut(): void {
    const split = this.#left.shift()
    if (split !== undefined) this.#context.assign(this.#readers[this.#turn++ % this.#readers.length]!, [split])
    if (this.#left.length > 0) this.#timer = this.#context.clock.after(4, () => this.#handOut())
    else for (const reader of this.#readers) this.#context.noMoreSplits(reader)
  }
}

class RangeReader implements SourceReader<Traced> {
  readonly #context: ReaderContext
  readonly #pauseMs: number
  #splits: RangeSplit[] = []
  #noMore = false
  #timer: Cancel | undefined

  constructor(context: ReaderContext, ratePerSecond: number | undefined) {
    this.#context = context
    this.#pauseMs = ratePerSecond === undefined ? 0 : (RECORDS_A_POLL * 1000 * context.parallelism) / ratePerSecond
  }

  addSplits(splits: readonly Split[]): void {
    this.#splits.push(...(splits as readonly RangeSplit[]))
  }

  noMoreSplits(): void {
    this.#noMore = true
  }

  poll(output: SourceOutput<Traced>): 'more' | 'wait' | 'end' {
    const split = this.#splits[0]
    if (split === undefined) return this.#noMore ? 'end' : 'wait'
    if (this.#timer !== undefined) return 'wait'
    for (let emitted = 0; emitted < RECORDS_A_POLL; emitted++) {
      const { next, step, end } = this.#splits[0]!
      if (next >= end) break
      this.#splits[0] = { ...split, next: next + step }
      output.emit(traced(next, split.id))
    }
    if (this.#splits[0]!.next >= split.end) this.#splits.shift()
    else this.#splits.push(this.#splits.shift()!)
    if (this.#pauseMs === 0) return 'more'
    this.#timer = this.#context.clock.after(this.#pauseMs, () => {
      this.#timer = undefined
      this.#context.wake()
    })
    return 'wait'
  }

  snapshot(): readonly RangeSplit[] {
    return [...this.#splits]
  }

  close(): void {
    this.#timer?.()
  }
}
