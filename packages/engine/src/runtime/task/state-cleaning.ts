import type { KeyedState } from '../../state/keyed-state.ts'
import type { CachedState } from '../../state/rocksdb/cached-state.ts'
import type { Background } from '../background.ts'

/** Rows looked at in one turn of the slot, well under a tenth of a millisecond. */
const ROWS_A_TURN = 256
/** Sweeps a time to live. What has expired is gone after an eighth of it, and the time that a sweep takes. */
const SWEEPS_A_LIFE = 8
const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 600_000

/** Removes what has expired from the keyed state of one operator instance, a few rows a turn. */
export class StateCleaning implements Background {
  readonly #state: KeyedState

  constructor(state: KeyedState) {
    this.#state = state
  }

  step(): boolean {
    return !this.#state.clean(ROWS_A_TURN)
  }
}

/** Between two sweeps for rows that are worth writing to disk. */
export const SETTLING_PAUSE_MS = 1000

/** Writes rows that have not been touched for a while to where they are kept outside of memory, a few a turn: so they are no part of every checkpoint. */
export class StateSettling implements Background {
  readonly #state: CachedState

  constructor(state: CachedState) {
    this.#state = state
  }

  step(): boolean {
    return !this.#state.settle(ROWS_A_TURN)
  }
}

/** How long to wait between two sweeps over state that lives for `ttlMs`. */
export function sweepPauseMs(ttlMs: number): number {
  return Math.min(Math.max(ttlMs / SWEEPS_A_LIFE, PAUSE_MS_MIN), PAUSE_MS_MAX)
}
