/**
 * Where connections wait that have come to a full broker, or faster than it takes them: Kafka's acceptor stops there, and they wait for it.
 *
 * 1. They enter in the order in which they came, unread until then; who waits for a place at his own listener is passed by those of others.
 * 2. There is room for `sizeMax`; whoever comes then is turned away.
 */
import type { Cancel, Clock } from '@millrace/core'
import { WindowedRate, type WindowOptions } from '../quotas/windowed-rate.ts'

export interface WaitingRoomOptions {
  readonly clock: Clock
  /** `max.connections` is not reached. */
  readonly hasRoom: () => boolean
  /** `max.connection.creation.rate`: connections a second. */
  readonly rateMax: () => number
  readonly window: WindowOptions
  /** `socket.listen.backlog.size` */
  readonly sizeMax: number
}

interface Waiting {
  readonly enter: () => void
  /** There is a place at the listener that it came to. */
  readonly hasRoom: () => boolean
}

/** Configurations that change while somebody waits are seen after so long. */
const LOOK_INTERVAL_MS = 1000

export class WaitingRoom {
  readonly #options: WaitingRoomOptions
  readonly #rate: WindowedRate
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
  come(enter: () => void, hasRoom: () => boolean = () => true): 'entered' | 'full' | Cancel {
    if (this.#waiting.size >= this.#options.sizeMax) return 'full'
    const once = { enter, hasRoom }
    this.#waiting.add(once)
    this.#proceed()
    return this.#waiting.has(once) ? () => void this.#waiting.delete(once) : 'entered'
  }

  /** A connection has gone. */
  proceed(): void {
    if (this.#waiting.size > 0) this.#proceed()
  }

  #proceed(): void {
    this.#cancelLook?.()
    this.#cancelLook = undefined
    const { hasRoom } = this.#options
    let isLookDue = false
    for (const one of this.#waiting) {
      if (!one.hasRoom()) {
        isLookDue = true
        continue
      }
      const waitMs = hasRoom() ? this.#throttleMs() : LOOK_INTERVAL_MS
      if (waitMs > 0) return this.#lookIn(waitMs)
      this.#waiting.delete(one)
      one.enter()
    }
    if (isLookDue) this.#lookIn(LOOK_INTERVAL_MS)
  }

  #lookIn(waitMs: number): void {
    this.#cancelLook?.()
    this.#cancelLook = this.#options.clock.after(Math.min(waitMs, LOOK_INTERVAL_MS), () => this.#proceed())
  }

  /** Counts one that enters, unless it comes too early. */
  #throttleMs(): number {
    const nowMs = this.#options.clock.monotonic()
    this.#rate.record(1, nowMs)
    const throttleMs = this.#rate.throttleMs(this.#options.rateMax(), nowMs)
    if (throttleMs > 0) this.#rate.record(-1, nowMs)
    return throttleMs
  }
}
