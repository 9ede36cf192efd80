/**
 * A slot: one slice of the pipeline on one thread. Runs its tasks cooperatively, a turn at a time, and gives the thread back between turns.
 *
 * 1. A turn lasts about `TURN_MS`; between turns pending I/O, timers and messages have their say.
 * 2. When no task has anything to do the slot sleeps: no turn is scheduled until something wakes it.
 * 3. Whoever makes work possible wakes it: a ring that has filled or drained, a source, a settled promise, a timer, a message.
 */
import type { Cancel, Clock } from '@millrace/core'
import type { Background, BackgroundHost } from '../background.ts'
import type { Task } from '../task/task.ts'

/** How long a slot works before it gives the thread back. */
export const TURN_MS = 2

/** How a thread learns of what other threads did while it slept. */
export interface ThreadSignal {
  /** Called when the slot has found nothing to do. Answers false if `hasWork` says that something has arrived meanwhile; otherwise `wake` is called once when it does. */
  sleep(wake: () => void, hasWork: () => boolean): boolean
  /** The slot works again: nobody need wake it. */
  awake(): void
}

/** A slot that nobody outside its thread can reach. */
export const noSignal: ThreadSignal = { sleep: (_wake, hasWork) => !hasWork(), awake: () => {} }

export interface SlotOptions {
  readonly clock: Clock
  readonly bufferTimeoutMs: number
  readonly signal: ThreadSignal
  /** Default `TURN_MS`; 0: each task has one step a turn. */
  readonly turnMs: number
}

export class Slot implements BackgroundHost {
  readonly #clock: Clock
  readonly #bufferTimeoutMs: number
  readonly #signal: ThreadSignal
  readonly #turnMs: number
  /** Downstream first: what drains comes before what fills. */
  #tasks: readonly Task[] = []
  readonly #background: Set<Background> = new Set()
  /** Work that begins anew after a pause, and when. */
  readonly #repeated: Map<Background, number> = new Map()
  readonly #pauses: Set<Cancel> = new Set()
  #scheduled: Cancel | undefined
  #timer: { readonly atMs: number; readonly cancel: Cancel } | undefined
  #running = false
  #asleep = false
  #closed = false
  #flushedAtMs = 0

  constructor(options: SlotOptions) {
    this.#clock = options.clock
    this.#bufferTimeoutMs = options.bufferTimeoutMs
    this.#signal = options.signal
    this.#turnMs = options.turnMs
  }

  /** `tasks` in topological order. */
  start(tasks: readonly Task[]): void {
    this.#tasks = tasks.toReversed()
    this.wake()
  }

  readonly wake = (): void => {
    if (!this.#closed && !this.#running) this.#schedule()
  }

  addBackground(work: Background): void {
    this.#background.add(work)
    this.wake()
  }

  /** Does the work again and again, each time `pauseMs` after it has come to its end. */
  repeat(work: Background, pauseMs: number): void {
    this.#repeated.set(work, pauseMs)
    this.addBackground(work)
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#pauses) cancel()
    this.#scheduled?.()
    this.#timer?.cancel()
    this.#background.clear()
  }

  readonly #turn = (): void => {
    this.#scheduled = undefined
    if (this.#closed) return
    if (this.#asleep) {
      this.#asleep = false
      this.#signal.awake()
    }
    this.#running = true
    const startMs = this.#clock.monotonic()
    let worked: boolean
    let nowMs: number
    do {
      worked = this.#stepAll(true) || this.#stepAll(false)
      nowMs = this.#clock.monotonic()
    } while (worked && nowMs - startMs < this.#turnMs && !this.#closed)
    const more = this.#stepBackground()
    this.#running = false
    if (this.#closed) return
    if (worked) {
      if (nowMs - this.#flushedAtMs >= this.#bufferTimeoutMs) this.#flush(nowMs)
      this.#schedule()
    } else {
      this.#flushedAtMs = nowMs
      for (const task of this.#tasks) task.idleFlush()
      if (more || this.#hasWork()) this.#schedule()
      else this.#sleep()
    }
  }

  /** Once: what is flushed at the end of a turn may have woken this very slot. */
  #schedule(): void {
    this.#scheduled ??= this.#clock.soon(this.#turn)
  }

  /** `patient`: input that is ahead of the rest may wait, as long as there is anything else to do. */
  #stepAll(patient: boolean): boolean {
    let worked = false
    for (const task of this.#tasks) {
      const { times } = task.parts
      times.begin(this.#clock.monotonic())
      const outcome = task.step(patient)
      times.end(this.#clock.monotonic(), outcome)
      if (outcome === 'worked') worked = true
    }
    return worked
  }

  #stepBackground(): boolean {
    let more = false
    for (const work of this.#background) {
      if (work.step(this.#turnMs / 2)) more = true
      else {
        this.#background.delete(work)
        const pauseMs = this.#repeated.get(work)
        if (pauseMs !== undefined) this.#pause(work, pauseMs)
      }
    }
    return more
  }

  #pause(work: Background, pauseMs: number): void {
    const cancel = this.#clock.after(pauseMs, () => {
      this.#pauses.delete(cancel)
      this.addBackground(work)
    })
    this.#pauses.add(cancel)
  }

  #flush(nowMs: number): void {
    this.#flushedAtMs = nowMs
    for (const task of this.#tasks) task.flush()
  }

  /** Something has arrived; a flush into a channel of this thread, too, gives another task something to do. */
  readonly #hasWork = (): boolean => this.#tasks.some((task) => task.ready)

  #sleep(): void {
    this.#asleep = this.#signal.sleep(this.wake, this.#hasWork)
    if (this.#asleep) this.#setTimer()
    else this.wake()
  }

  #setTimer(): void {
    let next: number | undefined
    for (const task of this.#tasks) {
      const time = task.nextTimerMs
      if (time !== undefined && (next === undefined || time < next)) next = time
    }
    if (this.#timer !== undefined && this.#timer.atMs === next) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (next === undefined) return
    const atMs = next
    const cancel = this.#clock.after(Math.max(0, atMs - this.#clock.now()), () => {
      this.#timer = undefined
      this.wake()
    })
    this.#timer = { atMs, cancel }
  }
}
