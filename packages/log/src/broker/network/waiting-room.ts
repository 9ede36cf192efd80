/**
 * Where connections wait that have come to a full broker, or faster than it takes them: Kafka's acceptor stops there, and they wait for it.
 *
 * 1. They enter in the order in which they came, unread until then; who waits because of a limit of his own listener is passed by those of others.
 * 2. There is room for `sizeMax`; whoever comes then is turned away.
 */
import type { Cancel, Clock } from '@millrace/core'
import { WindowedRate, type WindowOptions } from '../quotas/windowed-rate.ts'

export interface WaitingRoomOptions {
  readonly clock: Clock
  /** `max.connections` is not reached. */
  readonly hasRoom: () => boolean
  /** `max.connections` of the listener is not reached. */
  readonly hasRoomAt: (listener: string) => boolean
  /** `max.connection.creation.rate`: connections a second. */
  readonly rateMax: () => number
  /** The same of a listener; undefined where it has none of its own. */
  readonly rateMaxOf: (listener: string) => number | undefined
  readonly window: WindowOptions
  /** `socket.listen.backlog.size` */
  readonly sizeMax: number
}

interface Waiting {
  readonly enter: () => void
  /** That it came to. */
  readonly listener: string
}

/** Configurations that change while somebody waits are seen after so long. */
const LOOK_INTERVAL_MS = 1000

export class WaitingRoom {
  readonly #options: WaitingRoomOptions
  readonly #rate: WindowedRate
  readonly #rateOf = new Map<string, WindowedRate>()
  readonly #waiting = new Set<Waiting>()
  #cancelLook: Cancel | undefined

  constructor(options: WaitingRoomOptions) {
    this.#options = options
    this.#rate = new WindowedRate(options.window)
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Calls `enter` now, or when it is its turn. Gives what leaves the room before, where it has to wait. */
  come(listener: string, enter: () => void): 'entered' | 'full' | Cancel {
    if (this.#waiting.size >= this.#options.sizeMax) return 'full'
    const one = { enter, listener }
    this.#waiting.add(one)
    this.#proceed()
    return this.#waiting.has(one) ? () => void this.#waiting.delete(one) : 'entered'
  }

  /** A connection has gone. */
  proceed(): void {
    if (this.#waiting.size > 0) this.#proceed()
  }

  #proceed(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
    let lookInMs = Infinity
    for (const one of this.#waiting) {
      const ownWaitMs = this.#waitMsAt(one.listener)
      if (ownWaitMs > 0) {
        lookInMs = Math.min(lookInMs, ownWaitMs)
        continue
      }
      const waitMs = this.#waitMs()
      if (waitMs > 0) {
        lookInMs = Math.min(lookInMs, waitMs)
        break
      }
      this.#count(one.listener)
      this.#waiting.delete(one)
      one.enter()
    }
    if (lookInMs < Infinity) this.#lookIn(lookInMs)
  }

  #lookIn(waitMs: number): void {
    this.#cancelLook?.()
    this.#cancelLook = this.#options.clock.after(Math.min(waitMs, LOOK_INTERVAL_MS), () => this.#proceed())
  }

  /** How long whoever comes next waits because of the broker's limits. */
  #waitMs(): number {
    const { hasRoom, rateMax, clock } = this.#options
    return hasRoom() ? throttleMs(this.#rate, rateMax(), clock.monotonic()) : LOOK_INTERVAL_MS
  }

  /** The same because of those of his listener. */
  #waitMsAt(listener: string): number {
    const { hasRoomAt, rateMaxOf, clock } = this.#options
    if (!hasRoomAt(listener)) return LOOK_INTERVAL_MS
    const rateMax = rateMaxOf(listener)
    return rateMax === undefined ? 0 : throttleMs(this.#rateAt(listener), rateMax, clock.monotonic())
  }

  #count(listener: string): void {
    const nowMs = this.#options.clock.monotonic()
    this.#rate.record(1, nowMs)
    if (this.#options.rateMaxOf(listener) !== undefined) this.#rateAt(listener).record(1, nowMs)
  }

  #rateAt(listener: string): WindowedRate {
    const known = this.#rateOf.get(listener)
    if (known !== undefined) return known
    const rate = new WindowedRate(this.#options.window)
    this.#rateOf.set(listener, rate)
    return rate
  }
}

/** How long one more would have to wait. */
function throttleMs(rate: WindowedRate, rateMax: number, nowMs: number): number {
  rate.record(1, nowMs)
  const waitMs = rate.throttleMs(rateMax, nowMs)
  rate.record(-1, nowMs)
  return waitMs
}
