/**
 * A source of which each record passes a watcher first, up to as many as the watcher lets through.
 *
 * 1. What the outside world would learn of a completed checkpoint (offsets that are committed, files that are removed) is not told: nothing is completed here.
 * 2. Once the watcher wants no more, nothing is polled; the source does not end by that: no end of event time follows.
 */
import type { PositionedReader, ReaderContext, Source, SourceOutput, SourceReader, Split } from '../connectors/source.ts'

export interface InputWatcher {
  /** Whether a record is taken in. `split`: where its source tells splits apart. */
  take(subtask: number, value: unknown, timestamp: number | undefined, split: string | undefined): boolean
  /** Its readers are made; so many in all. */
  opened?(parallelism: number): void
  closed?(subtask: number, split: string): void
  /** A reader is asked for records. */
  asked?(subtask: number): void
  /** A reader has nothing left for ever. */
  ended?(subtask: number): void
  /** Whether nothing more is taken in. */
  readonly over: boolean
}

export function watchedSource(source: Source<unknown>, watcher: InputWatcher): Source<unknown> {
  // Whoever takes the records behind it may keep nothing of them: the watcher may.
  const reader = (context: ReaderContext): SourceReader<unknown> => source.createReader({ ...context, outputKeepsNothing: false })
  return { ...source, createReader: (context) => new WatchedReader(reader(context), context, watcher) }
}

class WatchedReader implements SourceReader<unknown> {
  readonly #reader: SourceReader<unknown>
  readonly #subtask: number
  readonly #watcher: InputWatcher
  readonly position?: () => string

  constructor(reader: SourceReader<unknown>, context: ReaderContext, watcher: InputWatcher) {
    this.#reader = reader
    this.#subtask = context.subtask
    this.#watcher = watcher
    watcher.opened?.(context.parallelism)
    const positioned = reader as Partial<PositionedReader>
    if (positioned.position !== undefined) this.position = () => positioned.position!()
  }

  get timesSplits(): boolean {
    return this.#reader.timesSplits === true
  }

  async open(): Promise<void> {
    await this.#reader.open?.()
  }

  addSplits(splits: readonly Split[]): void {
    this.#reader.addSplits(splits)
  }

  noMoreSplits(): void {
    this.#reader.noMoreSplits()
  }

  poll(output: SourceOutput<unknown>): 'more' | 'wait' | 'end' {
    if (this.#watcher.over) return 'wait'
    this.#watcher.asked?.(this.#subtask)
    const next = this.#reader.poll(this.#watched(output))
    if (this.#watcher.over) return 'wait'
    if (next === 'end') this.#watcher.ended?.(this.#subtask)
    return next
  }

  #watched(output: SourceOutput<unknown>): SourceOutput<unknown> {
    const watcher = this.#watcher
    const subtask = this.#subtask
    return {
      get enough() {
        return output.enough === true
      },
      emit: (value, timestamp) => {
        if (watcher.take(subtask, value, timestamp, undefined)) output.emit(value, timestamp)
      },
      ofSplit: (id, hasMore) => {
        const split = output.ofSplit?.(id, hasMore) ?? output
        const close = 'close' in split ? split.close?.bind(split) : undefined
        return {
          emit: (value, timestamp) => {
            if (watcher.take(subtask, value, timestamp, id)) split.emit(value, timestamp)
          },
          close: () => {
            if (watcher.over) return
            watcher.closed?.(subtask, id)
            close?.()
          },
        }
      },
    }
  }

  snapshot(checkpointId?: number): readonly Split[] {
    return this.#reader.snapshot(checkpointId)
  }

  close(): void | Promise<void> {
    return this.#reader.close()
  }
}
