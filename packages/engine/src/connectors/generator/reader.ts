import type { Cancel } from '@millrace/core'
import type { ReaderContext, SourceOutput, SourceReader, Split } from '../source.ts'
import type { Draws } from './draws.ts'
import type { Progression } from './progression.ts'

const recordsPerPoll = 256
const catchUpMaxMs = 1_000

export interface GeneratorReaderOptions<T> {
  readonly count: number
  readonly ratePerMs: number
  readonly generate: (index: number, ctx: { random(): number }) => T
  readonly draws: Draws
}

interface Cursor {
  readonly id: string
  readonly step: number
  next: number
}

/**
 * Generates the indices of its progressions, the smallest first.
 *
 * 1. A cursor's `next` has not been emitted, and all before it of its progression have.
 * 2. At a finite rate, index n is emitted no earlier than `startMs + (n - startIndex) / rate`.
 */
export class GeneratorReader<T> implements SourceReader<T> {
  readonly #context: ReaderContext
  readonly #options: GeneratorReaderOptions<T>
  readonly #generatorContext: { random(): number }
  #cursors: Cursor[] = []
  #ends = false
  #startMs: number | undefined
  #startIndex = 0
  #last = -1
  #cancelTimer: Cancel | undefined

  constructor(context: ReaderContext, options: GeneratorReaderOptions<T>) {
    this.#context = context
    this.#options = options
    const { draws } = options
    this.#generatorContext = { random: () => draws.next() }
  }

  addSplits(splits: readonly Split[]): void {
    for (const { id, next, step } of splits as readonly Progression[]) {
      if (next < this.#options.count) this.#cursors.push({ id, next, step })
    }
    this.#cursors.sort((a, b) => a.next - b.next)
  }

  noMoreSplits(): void {
    this.#ends = true
  }

  poll(output: SourceOutput<T>): 'more' | 'wait' | 'end' {
    const cursor = this.#cursors[0]
    if (cursor === undefined) return this.#ends ? 'end' : 'wait'
    const due = this.#due(cursor)
    if (due <= cursor.next) {
      this.#wakeAt(cursor.next)
      return 'wait'
    }
    this.#emit(cursor, Math.min(due, this.#options.count, cursor.next + recordsPerPoll * cursor.step), output)
    this.#requeue(cursor)
    return this.#cursors.length === 0 && this.#ends ? 'end' : 'more'
  }

  snapshot(): readonly Progression[] {
    return this.#cursors.map(({ id, next, step }) => ({ id, next, step }))
  }

  position(): string {
    return this.#last < 0 ? '' : `generator[${this.#last}]`
  }

  close(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #emit(cursor: Cursor, end: number, output: SourceOutput<T>): void {
    const { generate, draws } = this.#options
    const context = this.#generatorContext
    const { step } = cursor
    for (let index = cursor.next; index < end; index += step) {
      this.#last = index
      draws.begin(index)
      const value = generate(index, context)
      cursor.next = index + step
      output.emit(value)
      if (output.enough === true) return
    }
  }

  #requeue(cursor: Cursor): void {
    if (cursor.next >= this.#options.count) this.#cursors.shift()
    else if (this.#cursors.length > 1) this.#cursors.sort((a, b) => a.next - b.next)
  }

  /** The first index that is not due yet. */
  #due(cursor: Cursor): number {
    const { ratePerMs } = this.#options
    if (ratePerMs === Infinity) return Infinity
    const nowMs = this.#context.clock.monotonic()
    this.#startMs ??= this.#start(cursor, nowMs)
    const late = nowMs - this.#dueMs(cursor.next) - catchUpMaxMs
    if (late > 0) this.#startMs += late
    // Rounded the same way as the wake-up, so that one never waits for the other.
    let due = this.#startIndex + Math.floor((nowMs - this.#startMs) * ratePerMs) + 1
    while (due > cursor.next && this.#dueMs(due - 1) > nowMs) due--
    return due
  }

  #start(cursor: Cursor, nowMs: number): number {
    this.#startIndex = cursor.next - (cursor.next % cursor.step)
    return nowMs
  }

  #dueMs(index: number): number {
    return this.#startMs! + (index - this.#startIndex) / this.#options.ratePerMs
  }

  #wakeAt(index: number): void {
    this.#cancelTimer?.()
    const delayMs = Math.max(1, Math.ceil(this.#dueMs(index) - this.#context.clock.monotonic()))
    this.#cancelTimer = this.#context.clock.after(delayMs, () => this.#context.wake())
  }
}
