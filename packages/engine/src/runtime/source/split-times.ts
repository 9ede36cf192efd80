/**
 * Event time of the splits of one reader.
 *
 * 1. The source's time is that of the open split that is furthest behind. A split without records for `idleAfterMs` is left out until it has one again,
 *    unless its reader knows of more: that it is not read is not its silence, but that the job is held up or busy with others.
 *    When all open ones are left out it is that of the one furthest ahead, so that it does not depend on the order in which they went idle.
 * 2. The source is idle while no split is open any more, or all open ones are. Before the first was opened it is not: it may be the one that is furthest behind.
 */
import type { WatermarkGenerator, WatermarkStrategy } from '../../api/watermarks.ts'
import type { SplitOutput } from '../../connectors/source.ts'

export interface SplitTimesOptions {
  readonly strategy: Pick<WatermarkStrategy<unknown>, 'outOfOrderMs' | 'idleAfterMs' | 'createGenerator'>
  /** Emits a record down the chain, and answers its event time. */
  readonly emit: (value: unknown, timestamp: number | undefined) => number
  /** A generator has announced a watermark that should not wait. */
  readonly announced: () => void
  /** @throws where what a generator answers is not a time */
  readonly check: (watermark: number, generator: WatermarkGenerator<unknown>) => void
  /** A generator has thrown: answers what to throw. */
  readonly failed: (error: unknown) => unknown
}

/** A split: what is emitted here counts for its time. */
class TimedSplit implements SplitOutput<unknown> {
  readonly id: string
  /** Whether it is known to have records that were not emitted. */
  readonly hasMore: () => boolean
  readonly #options: SplitTimesOptions
  readonly #closed: (split: TimedSplit) => void
  readonly #generator: WatermarkGenerator<unknown> | undefined
  /** The largest time stamp, or what the generator last announced. */
  #largest = -Infinity
  hasEmitted = false
  isIdle = false
  recordAtMs: number

  constructor(id: string, options: SplitTimesOptions, openedMs: number, hasMore: () => boolean, closed: (split: TimedSplit) => void) {
    this.id = id
    this.hasMore = hasMore
    this.#options = options
    this.recordAtMs = openedMs
    this.#closed = closed
    this.#generator = this.#guarded(() => options.strategy.createGenerator?.())
  }

  get watermark(): number {
    return this.#generator === undefined ? this.#largest - this.#options.strategy.outOfOrderMs - 1 : this.#largest
  }

  emit(value: unknown, timestamp?: number): void {
    const time = this.#options.emit(value, timestamp)
    this.hasEmitted = true
    if (this.#generator !== undefined) this.#ask(this.#generator, value, time)
    else if (time > this.#largest) this.#largest = time
  }

  period(): void {
    const watermark = this.#guarded(() => this.#generator?.onPeriod?.())
    if (watermark !== undefined) this.#announce(watermark)
  }

  get periodic(): boolean {
    return this.#generator?.onPeriod !== undefined
  }

  close(): void {
    this.#closed(this)
  }

  #ask(generator: WatermarkGenerator<unknown>, value: unknown, time: number): void {
    let watermark: number | undefined
    try {
      watermark = generator.onRecord(value, time)
    } catch (error) {
      throw this.#options.failed(error)
    }
    if (watermark !== undefined && this.#announce(watermark)) this.#options.announced()
  }

  #guarded<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw this.#options.failed(error)
    }
  }

  #announce(watermark: number): boolean {
    this.#options.check(watermark, this.#generator!)
    if (watermark <= this.#largest) return false
    this.#largest = watermark
    return true
  }
}

export interface SourceTimes {
  readonly watermark: number
  readonly idle: boolean
}

export class SplitTimes {
  readonly #options: SplitTimesOptions
  readonly #open = new Set<TimedSplit>()
  #hasOpened = false
  /** A split was closed since the last look: it may have been what held time back. */
  #hasClosed = false

  constructor(options: SplitTimesOptions) {
    this.#options = options
  }

  /** `id`: for messages. */
  open(id: string, nowMs: number, hasMore: () => boolean = () => false): SplitOutput<unknown> {
    const split = new TimedSplit(id, this.#options, nowMs, hasMore, (closed) => {
      this.#open.delete(closed)
      this.#hasClosed = true
    })
    this.#open.add(split)
    this.#hasOpened = true
    return split
  }

  /** What all splits together have come to. `period`: it is time to ask generators of their own accord. */
  look(nowMs: number, period: boolean): SourceTimes {
    if (!this.#hasOpened) return { watermark: -Infinity, idle: false }
    this.#hasClosed = false
    let least = Infinity
    let most = -Infinity
    let idle = true
    for (const split of this.#open) {
      if (this.#isActive(split, nowMs)) {
        idle = false
        if (period) split.period()
        least = Math.min(least, split.watermark)
      }
      most = Math.max(most, split.watermark)
    }
    return { watermark: idle ? most : least, idle }
  }

  /** What the splits say that time waits for. None where the records of the one furthest behind are on their way: it is not its silence. */
  get awaited(): readonly { readonly input: string; readonly watermark: number }[] {
    const active = [...this.#open].filter(({ isIdle }) => !isIdle)
    const least = Math.min(...active.map(({ watermark }) => watermark))
    if (active.some((split) => split.watermark === least && split.hasMore())) return []
    return active.map(({ id: input, watermark }) => ({ input, watermark }))
  }

  /** Whether a generator is to be asked of its own accord, also while no record comes. */
  get periodic(): boolean {
    for (const split of this.#open) if (split.periodic) return true
    return false
  }

  /** When the next split becomes idle if no record comes, or one is closed (then 0); undefined if none will. */
  get nextIdleMs(): number | undefined {
    if (this.#hasClosed) return 0
    const { idleAfterMs } = this.#options.strategy
    if (idleAfterMs === undefined) return undefined
    let next: number | undefined
    for (const { isIdle, recordAtMs } of this.#open)
      if (!isIdle && (next === undefined || recordAtMs + idleAfterMs < next)) next = recordAtMs + idleAfterMs
    return next
  }

  #isActive(split: TimedSplit, nowMs: number): boolean {
    if (split.hasEmitted) {
      split.hasEmitted = false
      split.recordAtMs = nowMs
      split.isIdle = false
    } else if (!split.isIdle && nowMs - split.recordAtMs >= (this.#options.strategy.idleAfterMs ?? Infinity)) {
      if (split.hasMore()) split.recordAtMs = nowMs
      else split.isIdle = true
    }
    return !split.isIdle
  }
}
