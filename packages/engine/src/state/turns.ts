/** Work of many rows on a thread that others need as well. After some rows, or some milliseconds, the event loop has its turn: whoever watches the thread hears of it, and whoever ends the work is heard. */
import type { Clock } from '@millrace/core'

/** How long it goes on before it gives the thread back. */
const TURN_MS = 20
const ROWS_A_TURN = 4096
/** Rows between two looks at the clock where none can take long. */
const QUICK_ROWS_A_LOOK = 32

export interface TurnsOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'soon'>
  /** Nobody needs the work any more: at the next turn it ends, with the reason. */
  readonly signal?: AbortSignal | undefined
  /** After so many rows the thread is given back, however short they took. Default 4096. */
  readonly rowsMax?: number | undefined
}

/** Rows, one after the other: as of a scan, or loaded with each step. */
export interface Walk {
  /** No user's code sees its rows: each takes about as little as the others. */
  readonly isQuick?: boolean
  next(): boolean
  readAhead?(): Promise<void> | undefined
  close(): void
}

export class Turns {
  readonly #clock: TurnsOptions['clock']
  readonly #signal: AbortSignal | undefined
  readonly #rowsMax: number
  #rows = 0
  #untilMs: number

  constructor({ clock, signal, rowsMax = ROWS_A_TURN }: TurnsOptions) {
    this.#clock = clock
    this.#signal = signal
    this.#rowsMax = rowsMax
    this.#untilMs = clock.monotonic() + TURN_MS
  }

  /** Goes through all rows, and closes what it has gone through. @throws the signal's reason, and what `visit` throws */
  async through<W extends Walk>(walk: W, visit: (walk: W) => void = () => {}): Promise<void> {
    const rowsALook = walk.isQuick === true ? QUICK_ROWS_A_LOOK : 1
    try {
      for (;;) {
        const reads = walk.readAhead?.()
        if (reads !== undefined) await this.#after(reads)
        if (!walk.next()) return
        visit(walk)
        const turn = this.#rowDone(rowsALook)
        if (turn !== undefined) await turn
      }
    } finally {
      walk.close()
    }
  }

  /** What is to be waited for before the next row; mostly nothing. The clock is looked at for each, as a user's migration may take long with one; not where that would be most of the work. */
  #rowDone(rowsALook: number): Promise<void> | undefined {
    if (++this.#rows >= this.#rowsMax) return this.#giveBack()
    return this.#rows % rowsALook !== 0 || this.#clock.monotonic() < this.#untilMs ? undefined : this.#giveBack()
  }

  async #giveBack(): Promise<void> {
    await this.#after(new Promise((resolve) => this.#clock.soon(resolve)))
    this.#rows = 0
    this.#untilMs = this.#clock.monotonic() + TURN_MS
  }

  /** Also where nobody needs the work any more, what is waited for has come to its end. */
  async #after(waitedFor: Promise<void>): Promise<void> {
    await waitedFor
    this.#signal?.throwIfAborted()
  }
}
