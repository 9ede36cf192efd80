/**
 * The head of a task that reads a source: polls the reader, stamps its records and derives watermarks.
 */
import type { Clock } from '@millrace/core'
import type { WatermarkStrategy } from '../api/watermarks.ts'
import type { PositionedReader, SourceOutput, SourceReader, Split, SplitOutput } from '../connectors/source.ts'
import { NO_TIMESTAMP } from '../exchange/elements.ts'
import type { Chain } from '../operators/chain.ts'
import { SplitTimes } from './split-times.ts'

/** The least time between two watermarks of a source. */
const WATERMARK_INTERVAL_MS = 50

/** What a source tells the task besides records. */
export interface SourceTime {
  watermark(time: number): void
  idle(): void
  active(): void
}

export class SourceHead implements SourceOutput<unknown> {
  readonly reader: SourceReader<unknown>
  /** Records emitted since the start. */
  emitted = 0
  readonly #chain: Chain
  readonly #strategy: WatermarkStrategy<unknown> | undefined
  readonly #clock: Clock
  readonly #time: SourceTime
  /** Where the reader keeps time for each split. */
  readonly #splits: SplitTimes | undefined
  #largest = -Infinity
  #watermark = -Infinity
  #watermarkedAtMs = -Infinity
  #recordAtMs = 0
  /** When the splits' times were last compared, and how many records had been emitted then. */
  #lookedAtMs = -Infinity
  #lookedAtEmitted = 0
  #idle = false

  constructor(
    reader: SourceReader<unknown>,
    chain: Chain,
    strategy: WatermarkStrategy<unknown> | undefined,
    clock: Clock,
    time: SourceTime,
  ) {
    this.reader = reader
    this.#chain = chain
    this.#strategy = strategy
    this.#clock = clock
    this.#time = time
    if (reader.timesSplits !== true || strategy === undefined) return
    const emit = (value: unknown, timestamp?: number): number => this.#emit(value, timestamp)
    this.#splits = new SplitTimes({ emit, idleAfterMs: strategy.idleAfterMs })
  }

  emit(value: unknown, timestamp: number = NO_TIMESTAMP): void {
    const time = this.#emit(value, timestamp)
    if (time > this.#largest) this.#largest = time
  }

  ofSplit(_id: string): SplitOutput<unknown> {
    return this.#splits === undefined
      ? { emit: (value, timestamp) => this.emit(value, timestamp) }
      : this.#splits.open(this.#clock.monotonic())
  }

  #emit(value: unknown, timestamp: number = NO_TIMESTAMP): number {
    this.emitted++
    const { cursor, inputs } = this.#chain
    const time = this.#strategy === undefined ? timestamp : this.#strategy.timestamp(value)
    cursor.timestamp = time
    inputs[0].receive(value)
    // Unwinds the reader's loop as soon as an operator has failed: nothing after the failure may count as read.
    if (cursor.failure !== undefined) throw cursor.failure
    return time
  }

  poll(): 'more' | 'wait' | 'end' {
    const before = this.emitted
    const next = this.reader.poll(this)
    if (this.#splits !== undefined) this.#tellSplitTime(this.#splits, this.#strategy!)
    else if (this.#strategy !== undefined) this.#tellTime(this.#strategy, this.emitted > before)
    return next
  }

  /** The last watermark: no record follows. Also of a source without event time: it must not hold back the end of time of those it is joined with. */
  finishTime(): void {
    this.#time.watermark(Infinity)
  }

  splits(checkpointId: number): readonly Split[] {
    return this.reader.snapshot(checkpointId)
  }

  position(): string | undefined {
    const positioned = this.reader as Partial<PositionedReader>
    return positioned.position?.()
  }

  #tellTime(strategy: WatermarkStrategy<unknown>, emitted: boolean): void {
    const nowMs = this.#clock.monotonic()
    if (emitted) {
      this.#recordAtMs = nowMs
      this.#setIdle(false)
    } else if (strategy.idleAfterMs !== undefined && nowMs - this.#recordAtMs >= strategy.idleAfterMs) this.#setIdle(true)
    if (nowMs - this.#watermarkedAtMs >= WATERMARK_INTERVAL_MS) this.#advance(this.#largest - strategy.outOfOrderMs - 1, nowMs)
  }

  #tellSplitTime(splits: SplitTimes, strategy: WatermarkStrategy<unknown>): void {
    const nowMs = this.#clock.monotonic()
    if (nowMs - this.#lookedAtMs < WATERMARK_INTERVAL_MS && !(this.#idle && this.emitted > this.#lookedAtEmitted)) return
    this.#lookedAtMs = nowMs
    this.#lookedAtEmitted = this.emitted
    const largest = splits.largest(nowMs)
    this.#setIdle(largest === undefined)
    if (largest !== undefined) this.#advance(largest - strategy.outOfOrderMs - 1, nowMs)
  }

  #setIdle(idle: boolean): void {
    if (idle === this.#idle) return
    this.#idle = idle
    if (idle) this.#time.idle()
    else this.#time.active()
  }

  #advance(watermark: number, nowMs: number): void {
    if (watermark <= this.#watermark) return
    this.#watermark = watermark
    this.#watermarkedAtMs = nowMs
    this.#time.watermark(watermark)
  }
}
