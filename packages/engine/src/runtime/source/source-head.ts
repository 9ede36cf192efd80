/**
 * The head of a task that reads a source: polls the reader, stamps its records and derives watermarks.
 *
 * 1. Watermarks never fall. They are at least `WATERMARK_INTERVAL_MS` apart, but for those that a generator announces.
 * 2. What has been emitted is told of within that time even if the reader waits from then on; then `nextLookMs` says when to call `lookAtTime`.
 * 3. The last watermark before the source goes idle is told before that it is.
 */
import { inspect } from 'node:util'
import { MillraceError, type Clock } from '@millrace/core'
import type { WatermarkStrategy } from '../../api/watermarks.ts'
import type { PositionedReader, SourceOutput, SourceReader, Split, SplitOutput } from '../../connectors/source.ts'
import { engineError } from '../../errors.ts'
import { NO_TIMESTAMP } from '../../exchange/elements.ts'
import type { Chain } from '../../operators/chain.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import { isError } from '../../operators/thrown.ts'
import { WorkSlice } from '../work-slice.ts'
import { SampleStretches } from './sample-stretches.ts'
import type { SourceLimit } from './source-limit.ts'
import { SplitTimes } from './split-times.ts'
import { StalledTime, type StalledInput } from './stalled-time.ts'

/** The least time between two watermarks of a source. */
const WATERMARK_INTERVAL_MS = 50

/** What a source tells the task besides records. */
export interface SourceTime {
  watermark(time: number): void
  idle(): void
  active(): void
}

/** The source's place in the job. */
export interface SourcePlace {
  readonly operator: string
  readonly stateId: string
  readonly subtask: number
}

export class SourceHead implements SourceOutput<unknown> {
  readonly reader: SourceReader<unknown>
  /** Records emitted since the start. */
  emitted = 0
  /** Of the poll that is under way: `emitted` has come to `#enoughAt`. */
  enough = false
  /** Set by whoever may poll it too often. */
  limit: SourceLimit | undefined
  /** By how much the last record of the last poll that had any was behind the wall clock, in event time; undefined as long as none has had a time. */
  emitLagMs: number | undefined
  /** The last that was given out. */
  watermark: number = -Infinity
  readonly #place: SourcePlace
  readonly #chain: Chain
  readonly #strategy: WatermarkStrategy<unknown> | undefined
  readonly #clock: Clock
  readonly #slice: WorkSlice
  /** So many are emitted when it is enough. */
  #enoughAt = Infinity
  /** Undefined where no operator of the chain has keys. */
  readonly #samples: SampleStretches | undefined
  /** The record before which there is anything to be done at all: the one question that each is asked. */
  #pauseAt = Infinity
  readonly #time: SourceTime
  /** Undefined without a strategy. */
  readonly #times: SplitTimes | undefined
  /** Where all records of a reader go that does not tell its splits apart. */
  readonly #whole: SplitOutput<unknown> | undefined
  /** When time was last looked at, and how many records had been emitted then. */
  #lookedAtMs = -Infinity
  #lookedAtEmitted = 0
  #idle = false
  readonly #stalled = new StalledTime<string>()

  constructor(
    place: SourcePlace,
    reader: SourceReader<unknown>,
    chain: Chain,
    strategy: WatermarkStrategy<unknown> | undefined,
    clock: Clock,
    time: SourceTime,
  ) {
    this.#place = place
    this.reader = reader
    this.#chain = chain
    this.#strategy = strategy
    this.#clock = clock
    this.#slice = new WorkSlice(clock)
    this.#time = time
    if (chain.keyed.length > 0) this.#samples = new SampleStretches()
    if (strategy === undefined) return
    this.#times = new SplitTimes({
      strategy,
      emit: (value, timestamp) => this.#emit(value, timestamp),
      announced: () => this.#look(false),
      check: (watermark) => this.#check(watermark, 'a watermark'),
      failed: (error) => this.failed(error, 'the watermark generator'),
    })
    if (reader.timesSplits !== true) this.#whole = this.#times.open('', clock.monotonic())
  }

  emit(value: unknown, timestamp: number = NO_TIMESTAMP): void {
    if (this.#whole === undefined) this.#emit(value, timestamp)
    else this.#whole.emit(value, timestamp)
  }

  ofSplit(id: string, hasMore?: () => boolean): SplitOutput<unknown> {
    if (this.#times !== undefined && this.#whole === undefined) return this.#times.open(id, this.#clock.monotonic(), hasMore)
    return { emit: (value, timestamp) => this.emit(value, timestamp) }
  }

  #emit(value: unknown, timestamp: number = NO_TIMESTAMP): number {
    if (++this.emitted >= this.#pauseAt) this.#pause()
    const { cursor, inputs } = this.#chain
    let time = timestamp
    if (this.#strategy !== undefined) {
      time = this.#timestamp(this.#strategy, value, timestamp)
      this.#check(time, 'a time stamp')
    }
    cursor.timestamp = time
    inputs[0].receive(value)
    // Unwinds the reader's loop as soon as an operator has failed: nothing after the failure may count as read.
    if (cursor.failure !== undefined) throw cursor.failure
    return time
  }

  /** Before a record is handed in that is the last of the slice, or whose key is a sample. */
  #pause(): void {
    const samples = this.#samples
    if (samples !== undefined && this.emitted >= samples.at) {
      this.#chain.sampleKeys(samples.records)
      samples.take(this.#clock.monotonic())
    }
    if (this.emitted >= this.#enoughAt) this.enough = true
    this.#setPause()
  }

  #setPause(): void {
    const sampleAt = this.#samples?.at ?? Infinity
    this.#pauseAt = this.enough ? sampleAt : Math.min(sampleAt, this.#enoughAt)
  }

  #timestamp(strategy: WatermarkStrategy<unknown>, value: unknown, given: number): number {
    try {
      return strategy.timestamp(value, given)
    } catch (error) {
      throw this.failed(error, 'the time stamp of the watermark strategy', value)
    }
  }

  /** What user code of the source threw, with its place in the job; what the chain or a connector says itself stays as it is. */
  failed(error: unknown, during: string, record?: unknown): unknown {
    const { failure } = this.#chain.cursor
    if (failure !== undefined) return failure
    if (isError(error) && (error instanceof MillraceError || error instanceof OperatorFailure)) return error
    return new OperatorFailure({ ...this.#place, during, position: this.position(), record }, error)
  }

  addSplits(splits: readonly Split[]): void {
    try {
      this.reader.addSplits(splits)
    } catch (error) {
      throw this.failed(error, 'addSplits')
    }
  }

  noMoreSplits(): void {
    try {
      this.reader.noMoreSplits()
    } catch (error) {
      throw this.failed(error, 'noMoreSplits')
    }
  }

  async close(): Promise<void> {
    try {
      await this.reader.close()
    } catch (error) {
      throw this.failed(error, 'close')
    }
  }

  async open(): Promise<void> {
    try {
      await this.reader.open?.()
    } catch (error) {
      throw this.failed(error, 'open')
    }
  }

  poll(): 'more' | 'wait' | 'end' {
    if (this.limit?.open === false) return 'wait'
    const before = this.emitted
    this.enough = false
    this.#enoughAt = before + this.#slice.records
    this.#setPause()
    this.#slice.begin()
    const next = this.#poll()
    this.#slice.end(this.emitted - before)
    this.limit?.read(this.emitted - before)
    if (this.emitted > before && this.#chain.cursor.timestamp !== NO_TIMESTAMP)
      this.emitLagMs = this.#clock.now() - this.#chain.cursor.timestamp
    if (this.#times === undefined) return next
    const sinceMs = this.#clock.monotonic() - this.#lookedAtMs
    if (sinceMs >= WATERMARK_INTERVAL_MS || (this.#idle && this.emitted > this.#lookedAtEmitted)) this.#look(true)
    return next
  }

  #poll(): 'more' | 'wait' | 'end' {
    let next: 'more' | 'wait' | 'end'
    try {
      next = this.reader.poll(this)
    } catch (error) {
      throw this.failed(error, 'poll')
    }
    if (next === 'more' || next === 'wait' || next === 'end') return next
    throw engineError('SOURCE_ANSWER_INVALID', { source: this.#place.operator, answer: inspect(next, { depth: 0 }) })
  }

  /** When to call `lookAtTime` although nothing was read, on the clock that `now` reads; undefined: not at all. */
  get nextLookMs(): number | undefined {
    if (this.#times === undefined) return undefined
    const unsaid = this.emitted > this.#lookedAtEmitted || (this.#times.periodic && !this.#idle)
    const due = Math.min(unsaid ? this.#lookedAtMs + WATERMARK_INTERVAL_MS : Infinity, this.#times.nextIdleMs ?? Infinity)
    return due === Infinity ? undefined : Math.ceil(this.#clock.now() + due - this.#clock.monotonic())
  }

  /** Looks at time if that is due. Answers whether it was. */
  lookAtTime(): boolean {
    const next = this.nextLookMs
    if (next === undefined || next > this.#clock.now()) return false
    this.#look(true)
    return true
  }

  /** The split for which event time stands still, if that is to be told now. */
  stalledFor(nowMs: number): StalledInput<string> | undefined {
    return this.#times === undefined ? undefined : this.#stalled.look(nowMs, this.#times.awaited)
  }

  /** The last watermark: no record follows. Also of a source without event time: it must not hold back the end of time of those it is joined with. */
  finishTime(): void {
    this.#setIdle(false)
    this.#advance(Infinity)
  }

  /** A copy: the reader goes on. */
  splits(checkpointId: number): readonly Split[] {
    try {
      const splits: unknown = this.reader.snapshot(checkpointId)
      if (Array.isArray(splits)) return structuredClone(splits) as readonly Split[]
      throw new TypeError(`it answered ${inspect(splits, { depth: 0 })}, where an array of splits is needed`)
    } catch (error) {
      throw this.failed(error, 'snapshot')
    }
  }

  position(): string | undefined {
    const positioned = this.reader as Partial<PositionedReader>
    // Empty before the first record.
    return positioned.position?.() || undefined
  }

  #look(period: boolean): void {
    const nowMs = this.#clock.monotonic()
    if (period) {
      this.#lookedAtMs = nowMs
      this.#lookedAtEmitted = this.emitted
    }
    const { watermark, idle } = this.#times!.look(nowMs, period)
    if (!idle) this.#setIdle(false)
    this.#advance(watermark)
    if (idle) this.#setIdle(true)
  }

  #setIdle(idle: boolean): void {
    if (idle === this.#idle) return
    this.#idle = idle
    if (idle) this.#time.idle()
    else this.#time.active()
  }

  #advance(watermark: number): void {
    if (watermark <= this.watermark) return
    this.watermark = watermark
    this.#time.watermark(watermark)
  }

  #check(time: number, what: string): void {
    if (typeof time === 'number' && time > -Infinity && time < Infinity) return
    const at = this.position()
    throw engineError('EVENT_TIME_INVALID', {
      source: this.#place.operator,
      what,
      time: String(time),
      position: at === undefined ? '' : ` at ${at}`,
    })
  }
}
