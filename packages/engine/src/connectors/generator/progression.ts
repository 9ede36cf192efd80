import type { Split } from '../source.ts'

/** The indices next, next + step, next + 2·step, … still to be generated. */
export interface Progression extends Split {
  readonly next: number
  readonly step: number
}

/** Above this many progressions a restore no longer evens out their numbers: small differences in load cost less. */
const progressionsMax = 1024

/** All indices from 0, dealt out to `parts` progressions in turn. */
export function wholeRange(parts: number): Progression[] {
  return Array.from({ length: parts }, (_, part) => progression(part, parts))
}

/**
 * Cuts progressions so that every one of `readers` can be given as many as any other:
 * one with step s becomes m of step m·s that together hold the same indices.
 */
export function divideEvenly(progressions: readonly Progression[], readers: number): readonly Progression[] {
  const count = progressions.length
  if (count === 0 || count % readers === 0) return progressions
  const exact = readers / greatestCommonDivisor(count, readers)
  const parts = count * exact <= progressionsMax ? exact : Math.ceil(readers / count)
  return progressions.flatMap(({ next, step }) => Array.from({ length: parts }, (_, part) => progression(next + part * step, step * parts)))
}

/** Two progressions with the same step and remainder would overlap, so these two name it for life. */
function progression(next: number, step: number): Progression {
  return { id: `${next % step}/${step}`, next, step }
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b)
}
