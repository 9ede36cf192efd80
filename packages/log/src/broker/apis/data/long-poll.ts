import type { Clock } from '@millrace/core'
import type { Partition } from '../../topics/partition.ts'

/**
 * Resolves a turn after one of the partitions has more, when the time is over, or when nobody waits any longer. All that a turn brings counts as one.
 *
 * @param deadlineMs on `clock.monotonic`
 */
export function waitForMore(partitions: readonly Partition[], deadlineMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let isWoken = false
    const end = (): void => {
      for (const stop of stops) stop()
      signal.removeEventListener('abort', end)
      cancelTimer()
      resolve()
    }
    const wake = (): void => {
      if (isWoken) return
      isWoken = true
      clock.soon(end)
    }
    const stops = partitions.map((partition) => partition.watch(wake))
    const cancelTimer = clock.after(Math.min(Math.max(0, deadlineMs - clock.monotonic()), 0x7fff_ffff), end)
    signal.addEventListener('abort', end, { once: true })
  })
}
