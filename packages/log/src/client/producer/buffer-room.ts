/**
 * Who waits for room in the producer's buffer.
 *
 * 1. Those who wait get their turn in the order they came; who comes later does not overtake them.
 * 2. Who waits longer than `maxBlockMs` is told that the buffer is full.
 */
import type { Clock } from '@millrace/core'
import { clientError } from '../errors.ts'

export interface BufferState {
  readonly bufferedBytes: number
  readonly isClosed: boolean
}

export class BufferRoom {
  readonly #clock: Clock
  readonly #limitBytes: number
  readonly #maxBlockMs: number
  readonly #state: BufferState
  #turns = 0
  #lastTurn: Promise<unknown> = Promise.resolve()
  #waiting: (() => void)[] = []

  constructor(clock: Clock, limits: { readonly bufferBytes: number; readonly maxBlockMs: number }, state: BufferState) {
    this.#clock = clock
    this.#limitBytes = limits.bufferBytes
    this.#maxBlockMs = limits.maxBlockMs
    this.#state = state
  }

  get isFull(): boolean {
    return this.#state.bufferedBytes >= this.#limitBytes
  }

  /** Runs `work` at once where there is room and nobody waits, else in its turn. @throws `CLIENT_BUFFER_FULL`, `CLIENT_CLOSED`, and as `work` */
  async inTurn(work: () => void): Promise<void> {
    if (!this.isFull && this.#turns === 0) return work()
    const deadlineMs = this.#clock.monotonic() + this.#maxBlockMs
    this.#turns++
    const before = this.#lastTurn
    const turn = this.#after(before, deadlineMs, work)
    this.#lastTurn = turn.catch(() => undefined)
    try {
      await turn
    } finally {
      this.#turns--
    }
  }

  /** Resolves when something left the buffer, or at the deadline. */
  async change(deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const cancel = this.#clock.after(Math.max(0, deadlineMs - this.#clock.monotonic()), resolve)
    this.#waiting.push(resolve)
    await promise
    cancel()
  }

  /** Something left the buffer, or the producer is closed. */
  changed(): void {
    if (this.#waiting.length === 0 || (this.isFull && !this.#state.isClosed)) return
    for (const wake of this.#waiting.splice(0)) wake()
  }

  full(): Error {
    return clientError('CLIENT_BUFFER_FULL', { bytes: this.#state.bufferedBytes, limit: this.#limitBytes })
  }

  async #after(before: Promise<unknown>, deadlineMs: number, work: () => void): Promise<void> {
    await before
    while (this.isFull && !this.#state.isClosed) {
      if (this.#clock.monotonic() >= deadlineMs) throw this.full()
      await this.change(deadlineMs)
    }
    work()
  }
}
