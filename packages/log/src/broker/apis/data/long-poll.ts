import type { Clock } from '@millrace/core'
import type { Partition } from '../../topics/partition.ts'

export interface LongPoll {
  /** Resolves a turn after one of the partitions has more, when the time is over, or when nobody waits any longer. */
  readonly arrived: Promise<void>
  /** Whether waiting is of no use any more. */
  isOver(): boolean
  cancel(): void
}

/** Watches partitions for more to read, once. @param deadline on `clock.monotonic` */
export function waitForMore(partitions: readonly Partition[], deadline: number, clock: Clock, signal: AbortSignal): LongPoll {
  const { promise, resolve } = Promise.withResolvers<void>()
  const isOver = (): boolean => signal.aborted || clock.monotonic() >= deadline
  const stops: (() => void)[] = []
  const cancel = (): void => {
    for (const stop of stops.splice(0)) stop()
    resolve()
  }
  // All that a turn brings counts as one.
  const wake = (): void => void clock.soon(cancel)
  stops.push(...partitions.map((partition) => partition.watch(wake)))
  stops.push(clock.after(Math.min(Math.max(0, deadline - clock.monotonic()), 0x7fff_ffff), cancel))
  signal.addEventListener('abort', cancel, { once: true })
  stops.push(() => signal.removeEventListener('abort', cancel))
  return { arrived: promise, isOver, cancel }
}
