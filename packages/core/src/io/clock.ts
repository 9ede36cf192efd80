/** Stops what it was returned for; calling it again, or after the fact, does nothing. */
export type Cancel = () => void

/**
 * Time as protocol code sees it.
 *
 * Promises only: callbacks of `soon` and `after` run later, never inside the call, one at a time on this thread.
 * Does not promise: that a timer is on time, or that `now` never jumps (it is the wall clock and may go backwards).
 */
export interface Clock {
  /** Wall clock, whole milliseconds since 1970. For time stamps that users see; never for measuring. */
  now(): number
  /** Milliseconds since an arbitrary start, fractional, never going backwards. For measuring and for deadlines. */
  monotonic(): number
  /** Runs `callback` once, at least `delayMs` from now. A pending timer keeps the process alive. */
  after(delayMs: number, callback: () => void): Cancel
  /** Runs `callback` once, as soon as the thread has let pending I/O and timers have their turn. */
  soon(callback: () => void): Cancel
}
