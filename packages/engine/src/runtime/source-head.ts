/**
 * The head of a task that reads a source: polls the reader, stamps its records and derives watermarks.
 */
import type { Clock } from '@millrace/core'
import type { WatermarkStrategy } from '../api/watermarks.ts'
import type { PositionedReader, SourceOutput, SourceReader, Split } from '../connectors/source.ts'
import { NO_TIMESTAMP } from '../exchange/elements.ts'
import type { Chain } from '../operators/chain.ts'

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
  #largest = -Infinity
  #watermark = -Infinity
  #watermarkedAtMs = -Infinity
  #recordAtMs = 0
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
  }

  emit(value: unknown, timestamp: number = NO_TIMESTAMP): void {
    this.emitted++
    const { cursor, inputs } = this.#chain
    const time = this.#strategy === undefined ? timestamp : this.#strategy.timestamp(value)
    cursor.timestamp = time
    if (time > this.#largest) this.#largest = time
    inputs[0].receive(value)
    // Unwinds the reader's loop as soon as an operator has failed: nothing after the failure may count as read.
    if (cursor.failure !== undefined) throw cursor.failure
  }

  poll(): 'more' | 'wait' | 'end' {
    const before = this.emitted
    const next = this.reader.poll(this)
    if (this.#strategy !== undefined) this.#tellTime(this.#strategy, this.emitted > before)
    return next
  }

  /** The last watermark: no record follows. Also of a source without event time: it must not hold back the end of time of those it is joined with. */
  finishTime(): void {
    this.#time.watermark(Infinity)
  }

  get splits(): readonly Split[] {
    return this.reader.snapshot()
  }

  position(): string | undefined {
    const positioned = this.reader as Partial<PositionedReader>
    return positioned.position?.()
  }

  #tellTime(strategy: WatermarkStrategy<unknown>, emitted: boolean): void {
    const nowMs = this.#clock.monotonic()
    if (emitted) {
      this.#recordAtMs = nowMs
      if (this.#idle) {
        this.#idle = false
        this.#time.active()
      }
    } else if (!this.#idle && strategy.idleAfterMs !== undefined && nowMs - this.#recordAtMs >= strategy.idleAfterMs) {
      this.#idle = true
      this.#time.idle()
    }
    if (nowMs - this.#watermarkedAtMs < WATERMARK_INTERVAL_MS) return
    const watermark = this.#largest - strategy.outOfOrderMs - 1
    if (watermark <= this.#watermark) return
    this.#watermark = watermark
    this.#watermarkedAtMs = nowMs
    this.#time.watermark(watermark)
  }
}
