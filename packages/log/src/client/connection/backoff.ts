import type { Random } from '@millrace/core'

/** How long to wait before the attempt after `failures` failures (1 for the first): doubling up to a limit, with a jitter of a fifth either way. */
export function backoffMs(failures: number, baseMs: number, maxMs: number, random: Random): number {
  const exponential = Math.min(maxMs, baseMs * 2 ** Math.min(Math.max(failures, 1) - 1, 30))
  return exponential * (0.8 + (random.uint32() / 2 ** 32) * 0.4)
}
