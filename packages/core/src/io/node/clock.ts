import type { Clock } from '../clock.ts'

/** Longer ones Node takes for 1 ms. */
const DELAY_MS_MAX = 2 ** 31 - 1

// As they are when this is loaded: a test that fakes timers later (`mock.timers`, `vi.useFakeTimers`) means those of its own functions, and would stop the engine for good.
const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis
const monotonic = performance.now.bind(performance)

/** The system's clocks and Node's timers. */
export const nodeClock: Clock = {
  now: Date.now,
  monotonic,
  after(delayMs, callback) {
    const dueMs = monotonic() + delayMs
    let timer: NodeJS.Timeout
    // Node counts in whole milliseconds from a time it read earlier, so a timer may ring a little too soon.
    const arm = (leftMs: number): void => {
      timer = setTimeout(
        () => {
          const stillMs = dueMs - monotonic()
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
