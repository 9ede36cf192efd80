/**
 * A claim as a lease, for those who cannot see the process that made it: one of another machine, or of another container.
 *
 * 1. A holder renews: what is stored beside its claim changes every third of the lease, as long as it lives, is let run, and reaches the storage.
 * 2. Whoever cannot see the holder looks on, and takes over only once it has looked on for the whole lease and nothing has changed. It counts by its own monotonic
 *    clock: clocks of two machines are never compared. A pause of its own counts as one interval of renewal at most: the holder may have been paused with it.
 * 3. So a holder is taken over only if none of its renewals has arrived for a whole lease. It may live all the same (stopped, cut off, starved), and be taken over
 *    at any moment: it looks for a higher claim before and after it calls anything complete, and with every renewal.
 * 4. A claim that promises no renewal, of an older release, is not decided by looking on.
 */
import type { Clock } from '@millrace/core'

/** What a claim promises: so long a holder is believed to live after each renewal. */
export const LEASE_MS = 30_000

/** Renewals that go with one lease: all but one may be lost. */
const RENEWALS_PER_LEASE = 3

/** How often whoever looks on does so. */
const LOOK_MS = 1_000

/** What is seen of a claim at one moment. */
export interface LeaseSight {
  /** The highest claim there is. */
  readonly newest: number
  readonly released: boolean
  /** What its holder has stored as its newest renewal; undefined: none yet. */
  readonly renewal: string | undefined
}

export interface LeaseWatch {
  readonly leaseMs: number
  readonly first: LeaseSight
  /** When it was last looked at, by the clock of who looks. */
  readonly lookedMs: number
  readonly watchedMs: number
}

/** `seenMs`: when the first look was over. */
export function beginWatch(leaseMs: number, first: LeaseSight, seenMs: number): LeaseWatch {
  return { leaseMs, first, lookedMs: seenMs, watchedMs: 0 }
}

/** `lookedMs`: when this look began. Answers the watch as it goes on, or what has become of the claim. */
export function goOnWatching(watch: LeaseWatch, sight: LeaseSight, lookedMs: number): LeaseWatch | 'released' | 'alive' | 'expired' {
  const { leaseMs, first } = watch
  // Above it there is one who has taken over, or its holder with a new attempt.
  if (sight.newest !== first.newest) return 'alive'
  if (sight.released) return 'released'
  if (sight.renewal !== first.renewal) return 'alive'
  const watchedMs = watch.watchedMs + Math.min(lookedMs - watch.lookedMs, renewalMs(leaseMs))
  return watchedMs >= leaseMs ? 'expired' : { ...watch, lookedMs, watchedMs }
}

/** Looks on until it is known what has become of a claim, or nobody wants to know any more (`given-up`). @throws what `look` throws */
export async function watchLease(
  clock: Clock,
  leaseMs: number,
  look: () => Promise<LeaseSight>,
  stopped?: AbortSignal,
): Promise<'released' | 'alive' | 'expired' | 'given-up'> {
  const isOver = (): boolean => stopped?.aborted === true
  const first = await look()
  let watch = beginWatch(leaseMs, first, clock.monotonic())
  for (;;) {
    await pause(clock, LOOK_MS, stopped)
    if (isOver()) return 'given-up'
    const lookedMs = clock.monotonic()
    const next = goOnWatching(watch, await look(), lookedMs)
    if (isOver()) return 'given-up'
    if (typeof next === 'string') return next
    watch = next
  }
}

function pause(clock: Clock, delayMs: number, stopped: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (stopped?.aborted === true) return resolve()
    const cancel = clock.after(delayMs, () => {
      stopped?.removeEventListener('abort', stop)
      resolve()
    })
    const stop = (): void => {
      cancel()
      resolve()
    }
    stopped?.addEventListener('abort', stop, { once: true })
  })
}

export function renewalMs(leaseMs: number): number {
  return leaseMs / RENEWALS_PER_LEASE
}
