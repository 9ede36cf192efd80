import type { Clock } from '../clock.ts'

/** Longer ones Node takes for 1 ms. */
const DELAY_MS_MAX = 2 ** 31 - 1

/** The system's clocks and Node's timers. */
export const nodeClock: Clock = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const dueMs = performance.now() + delayMs
    let timer: NodeJS.Timeout
    // Node counts in whole milliseconds from a time it read earlier, so a timer may ring a little too soon.
    const arm = (leftMs: number): void => {
      timer = setTimeout(
        () => {
          const stillMs = dueMs - performance.now()
          if (stillMs > 0) arm(stillMs)
          else callback()
        },
        Math.min(Math.ceil(leftMs), DELAY_MS_MAX),
      )
    }
    arm(delayMs)
    return () => clearTimeout(timer)
  },
  soon(callback) {
    const immediate = setImmediate(callback)
    return () => clearImmediate(immediate)
  },
}
