/**
 * Records as fast as they are taken, over a fixed set of keys, with a diary of how fast that was.
 *
 * 1. First every key once, in order; then, over and over, those that are to be dirty.
 * 2. Which keys are dirty changes at every barrier, so that between two checkpoints exactly the given share of the keys is touched.
 * 3. It ends by the clock, not by a count.
 */
import { PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks'
import type { ReaderContext, Source, SourceOutput, SourceReader, Split, SplitEnumerator } from '@millrace/engine'
import { report } from '../nexmark/report.ts'

export interface DirtyRecord {
  readonly key: number
  readonly amount: number
}

export interface DirtySourceOptions {
  readonly keys: number
  /** Share of the keys that are touched between two checkpoints. */
  readonly dirtyShare: number
  /** From when every key was there. */
  readonly durationMs: number
}

/** What one subtask saw. Times are milliseconds since 1970, with fractions. */
export interface Diary {
  readonly filledMs: number
  /** Records emitted by then, every few milliseconds: time, count, time, count. */
  readonly progress: readonly number[]
  readonly barriersMs: readonly number[]
  readonly completedMs: readonly number[]
  /** Times between two polls that were longer than others: from, to. */
  readonly gaps: readonly (readonly [number, number])[]
  readonly collections: readonly (readonly [number, number])[]
}

const RECORDS_A_POLL = 256
const PROGRESS_EVERY_MS = 2
const GAP_MIN_MS = 3
/** Nearly the golden section of the keys: a walk in such steps reaches all of them, in an order that no cache foresees. */
const STEP_SHARE = 0.618034

export function dirtySource(options: DirtySourceOptions): Source<DirtyRecord> {
  return {
    connector: 'dirty',
    replayable: true,
    bounded: true,
    createEnumerator: (context): SplitEnumerator => ({
      start: () => {},
      addSplitsBack: () => {},
      addReader: (subtask) => {
        context.assign(subtask, [{ id: `${subtask} of ${context.parallelism}` }])
        context.noMoreSplits(subtask)
      },
      snapshot: () => ({}),
      close: () => {},
    }),
    createReader: (context) => new DirtyReader(options, context),
  }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

class DirtyReader implements SourceReader<DirtyRecord> {
  readonly #subtask: number
  readonly #durationMs: number
  /** The keys of this subtask: `#first`, `#first + #stride`, … */
  readonly #stride: number
  readonly #count: number
  readonly #dirty: number
  readonly #step: number
  #filled = 0
  #hotFrom = 0
  #at = 0
  #emitted = 0
  #lastPollMs = 0
  #lastProgressMs = 0
  #reported = false
  readonly #diary = {
    filledMs: 0,
    progress: [] as number[],
    barriersMs: [] as number[],
    completedMs: [] as number[],
    gaps: [] as [number, number][],
    collections: [] as [number, number][],
  } satisfies Diary
  readonly #observer: PerformanceObserver

  constructor({ keys, dirtyShare, durationMs }: DirtySourceOptions, { subtask, parallelism }: ReaderContext) {
    this.#subtask = subtask
    this.#durationMs = durationMs
    this.#stride = parallelism
    this.#count = Math.ceil((keys - subtask) / parallelism)
    this.#dirty = Math.max(1, Math.round(this.#count * dirtyShare))
    this.#step = coprimeStep(this.#dirty)
    this.#observer = new PerformanceObserver((list) => this.#collected(list.getEntries()))
    this.#observer.observe({ entryTypes: ['gc'] })
  }

  addSplits(_splits: readonly Split[]): void {}

  noMoreSplits(): void {}

  poll(output: SourceOutput<DirtyRecord>): 'more' | 'end' {
    const now = nowMs()
    if (this.#lastPollMs === 0) this.#lastPollMs = now
    if (now - this.#lastPollMs > GAP_MIN_MS) this.#diary.gaps.push([this.#lastPollMs, now])
    this.#lastPollMs = now
    if (now - this.#lastProgressMs > PROGRESS_EVERY_MS) {
      this.#lastProgressMs = now
      this.#diary.progress.push(now, this.#emitted)
    }
    if (this.#filled === this.#count && now - this.#diary.filledMs >= this.#durationMs) return this.#end()
    for (let n = 0; n < RECORDS_A_POLL; n++) output.emit({ key: this.#nextKey() * this.#stride + this.#subtask, amount: n })
    this.#emitted += RECORDS_A_POLL
    return 'more'
  }

  snapshot(): readonly Split[] {
    if (!this.#reported) this.#diary.barriersMs.push(nowMs())
    if (this.#filled === this.#count) this.#hotFrom = (this.#hotFrom + this.#dirty) % this.#count
    return [{ id: `${this.#subtask} of ${this.#stride}` }]
  }

  checkpointComplete(): void {
    this.#diary.completedMs.push(nowMs())
  }

  close(): void {
    this.#observer.disconnect()
  }

  #nextKey(): number {
    if (this.#filled < this.#count) {
      this.#diary.filledMs = this.#lastPollMs
      return this.#filled++
    }
    this.#at += this.#step
    if (this.#at >= this.#dirty) this.#at -= this.#dirty
    const key = this.#hotFrom + this.#at
    return key >= this.#count ? key - this.#count : key
  }

  #end(): 'end' {
    if (!this.#reported) {
      this.#reported = true
      this.#collected(this.#observer.takeRecords())
      report('diary', this.#subtask, this.#diary)
    }
    return 'end'
  }

  #collected(entries: readonly PerformanceEntry[]): void {
    for (const { startTime, duration } of entries) {
      const from = performance.timeOrigin + startTime
      this.#diary.collections.push([from, from + duration])
    }
  }
}

/** A step with which a walk over `count` places, modulo their number, comes to each. */
function coprimeStep(count: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b))
  let step = Math.max(1, Math.floor(count * STEP_SHARE))
  while (divisor(step, count) !== 1) step--
  return step
}
