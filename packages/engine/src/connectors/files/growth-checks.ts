/**
 * Looks after files that have been read to their ends: whether they have grown or shrunk or been written anew, or the time in which a rotated one may still be written to is over.
 *
 * 1. At most one check is under way or waited for.
 * 2. A file is looked at `CHECK_MS_MIN` after its end was reached, then after twice as long each time, up to `CHECK_MS_MAX`.
 * 3. Nothing is looked at after `close`.
 */
import type { Cancel } from '@millrace/core'
import type { ReaderContext } from '../source.ts'
import { statIfThere } from './finder.ts'
import type { TailQueue } from './tail-queue.ts'
import type { Tail } from './tail.ts'

const CHECK_MS_MIN = 20
const CHECK_MS_MAX = 1_000

export class GrowthChecks {
  readonly #context: ReaderContext
  readonly #tails: TailQueue
  readonly #rotatedForMs: number
  #isClosed = false
  #checking: Promise<void> | undefined
  #cancelTimer: Cancel | undefined

  constructor(context: ReaderContext, tails: TailQueue, rotatedForMs: number) {
    this.#context = context
    this.#tails = tails
    this.#rotatedForMs = rotatedForMs
  }

  /** The end of the tail has been reached. */
  begin(tail: Tail): void {
    tail.checkEveryMs = CHECK_MS_MIN
    tail.nextCheckMs = this.#context.clock.monotonic() + CHECK_MS_MIN
  }

  /** Sees to it that the next check takes place when it is due. */
  schedule(): void {
    if (this.#cancelTimer !== undefined || this.#checking !== undefined || this.#isClosed) return
    let due = Infinity
    for (const { phase, nextCheckMs } of this.#tails.all) if (phase === 'idle' && nextCheckMs < due) due = nextCheckMs
    if (due === Infinity) return
    this.#cancelTimer = this.#context.clock.after(Math.max(1, due - this.#context.clock.monotonic()), () => {
      this.#cancelTimer = undefined
      this.#checking = this.#check()
    })
  }

  /** Resolves when nothing is being looked at any more. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer?.()
    await this.#checking
  }

  async #check(): Promise<void> {
    await this.#checkDue()
    this.#checking = undefined
    if (this.#tails.anyReady) this.#context.wake()
    else this.schedule()
  }

  async #checkDue(): Promise<void> {
    try {
      const nowMs = this.#context.clock.monotonic()
      for (const tail of this.#tails.all) {
        if (this.#isClosed) return
        if (tail.phase === 'idle' && tail.nextCheckMs <= nowMs) await this.#checkTail(tail)
      }
    } catch (error) {
      if (!this.#isClosed) this.#context.fail(error)
    }
  }

  /** Makes a tail ready that has grown, shrunk or been written anew, or whose time after its rotation is over. */
  async #checkTail(tail: Tail): Promise<void> {
    const { size, modifiedMs } = await tail.content!.stat()
    const atPath = await statIfThere(this.#context.disk, tail.path)
    const nowMs = this.#context.clock.monotonic()
    if (atPath?.inode === tail.inode) tail.rotatedMs = undefined
    else tail.rotatedMs ??= nowMs
    tail.isFinal = tail.rotatedMs !== undefined && nowMs - tail.rotatedMs >= this.#rotatedForMs
    const isAsSeen = size === tail.seenBytes && modifiedMs === tail.seenModifiedMs
    if (tail.phase === 'idle' && (!isAsSeen || tail.isFinal)) tail.phase = 'ready'
    tail.checkEveryMs = Math.min(CHECK_MS_MAX, tail.checkEveryMs * 2)
    tail.nextCheckMs = nowMs + tail.checkEveryMs
  }
}
