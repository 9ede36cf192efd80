/**
 * Event time of the splits of one reader.
 *
 * 1. The source's time is that of the open split that is furthest behind. A split without records for `idleAfterMs` is left out until it has one again.
 * 2. The source is idle while no split is open any more, or all open ones are. Before the first was opened it is not: it may be the one that is furthest behind.
 */
import type { SplitOutput } from '../connectors/source.ts'

export interface SplitTimesOptions {
  /** Emits a record down the chain, and answers its event time. */
  readonly emit: (value: unknown, timestamp?: number) => number
  readonly idleAfterMs: number | undefined
}

/** A split: what is emitted here counts for its time. */
class TimedSplit implements SplitOutput<unknown> {
  readonly #emit: SplitTimesOptions['emit']
  readonly #closed: (split: TimedSplit) => void
  largest = -Infinity
  hasEmitted = false
  recordAtMs: number

  constructor(emit: SplitTimesOptions['emit'], openedMs: number, closed: (split: TimedSplit) => void) {
    this.#emit = emit
    this.#closed = closed
    this.recordAtMs = openedMs
  }

  emit(value: unknown, timestamp?: number): void {
    const time = this.#emit(value, timestamp)
    this.hasEmitted = true
    if (time > this.largest) this.largest = time
  }

  close(): void {
    this.#closed(this)
  }
}

export class SplitTimes {
  readonly #options: SplitTimesOptions
  readonly #open = new Set<TimedSplit>()
  #hasOpened = false

  constructor(options: SplitTimesOptions) {
    this.#options = options
  }

  open(nowMs: number): SplitOutput<unknown> {
    const split = new TimedSplit(this.#options.emit, nowMs, (closed) => void this.#open.delete(closed))
    this.#open.add(split)
    this.#hasOpened = true
    return split
  }

  /** The largest time stamp that all active splits have reached; undefined while none is active. */
  largest(nowMs: number): number | undefined {
    if (!this.#hasOpened) return -Infinity
    const { idleAfterMs = Infinity } = this.#options
    let least: number | undefined
    for (const split of this.#open) {
      if (split.hasEmitted) {
        split.hasEmitted = false
        split.recordAtMs = nowMs
      } else if (nowMs - split.recordAtMs >= idleAfterMs) continue
      if (least === undefined || split.largest < least) least = split.largest
    }
    return least
  }
}
