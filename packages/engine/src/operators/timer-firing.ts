/**
 * Fires the timers of an operator that have become due, in portions.
 *
 * 1. Those of a watermark have fired when `fire` says so: where they are too many, or their output finds no room, it stops half-way and goes on when it is called again.
 * 2. The watermark is what functions see from the first of its timers on, and never falls.
 */
import type { FireTimer, TimerService } from '../state/state-types.ts'
import type { ChainCursor } from './receiver.ts'

/** How many timers fire before the task gets a look at anything else. */
const TIMERS_A_TURN = 1024
/** How many timers fire before a look at whether their output still finds room. */
const TIMERS_A_LOOK = 16

export interface TimerFiringOptions {
  /** Undefined without keys: there are no timers. */
  readonly timers: TimerService | undefined
  readonly cursor: ChainCursor
  readonly fireEvent: FireTimer
  readonly fireProcessing: FireTimer
  /** Whether none may fire for now: the one that has just fired goes on with its key. */
  readonly pauses: () => boolean
}

export class TimerFiring {
  readonly #options: TimerFiringOptions
  /** The newest. */
  watermark: number = -Infinity
  /** Some of the timers that it has made due are still to fire. */
  underWay = false

  constructor(options: TimerFiringOptions) {
    this.#options = options
  }

  /** Fires the timers that the watermark has made due: a turn's, or all of them. Answers whether those were all. */
  fire(howMany: 'some' | 'all'): boolean {
    const { timers, cursor, fireEvent, pauses } = this.#options
    this.underWay = timers !== undefined
    for (let fired = TIMERS_A_LOOK; this.underWay; fired += TIMERS_A_LOOK) {
      if (!timers!.advance('event', this.watermark, fireEvent, TIMERS_A_LOOK)) this.underWay = false
      else if (pauses() || (howMany === 'some' && (cursor.interrupted || fired >= TIMERS_A_TURN))) return false
    }
    return true
  }

  /** Whether a timer has been set for a time that was past: the next watermark would fire it. */
  get overdue(): boolean {
    const next = this.#options.timers?.next('event')
    return next !== undefined && next <= this.watermark
  }

  /** Leaves what is still to fire to whoever asks; answers whether the watermark has stopped half-way. */
  giveUp(): boolean {
    const { underWay } = this
    this.underWay = false
    return underWay
  }

  /** The watermark is `time` from now on, and all its timers fire. */
  advance(time: number): void {
    const { timers, fireEvent } = this.#options
    this.watermark = time
    if (timers === undefined) return
    while (timers.advance('event', time, fireEvent, TIMERS_A_TURN));
  }

  /** Fires a turn's processing-time timers; answers whether more may be due. */
  fireProcessing(nowMs: number): boolean {
    const { timers, cursor, fireProcessing } = this.#options
    if (timers === undefined) return false
    for (let fired = 0; fired < TIMERS_A_TURN && !cursor.interrupted; fired += TIMERS_A_LOOK) {
      if (!timers.advance('processing', nowMs, fireProcessing, TIMERS_A_LOOK)) return false
    }
    return true
  }

  get nextProcessingMs(): number | undefined {
    return this.#options.timers?.next('processing')
  }
}
