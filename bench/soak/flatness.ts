/** Whether what was sampled over a run stays flat. */

export interface Sample {
  readonly seconds: number
  readonly rssMb: number
  readonly heapMb: number
  /** Buffers outside of the heap. */
  readonly buffersMb: number
  readonly descriptors: number
  /** From sending a record to its acknowledgement, on a connection of its own. */
  readonly probeP50Ms: number
  readonly probeP99Ms: number
}

export interface Rule {
  readonly of: keyof Sample
  /** The last third may be at most so many times the first, and so much more. */
  readonly factor: number
  readonly slack: number
}

/**
 * The rules: of a run's samples the first 30 % are not judged, in which buffers, caches and the topics' retention fill; of the rest, the median
 * of the last third is held against the median of the first. What grows by a little every minute fails in a long run, and a short one says little.
 */
export const rules: readonly Rule[] = [
  { of: 'rssMb', factor: 1.15, slack: 32 },
  { of: 'heapMb', factor: 1.15, slack: 16 },
  { of: 'buffersMb', factor: 1.15, slack: 32 },
  { of: 'descriptors', factor: 1.05, slack: 50 },
  { of: 'probeP50Ms', factor: 1.5, slack: 2 },
  { of: 'probeP99Ms', factor: 2, slack: 20 },
]

const UNJUDGED_SHARE = 0.3
const JUDGED_SAMPLES_MIN = 6

export interface Verdict {
  readonly of: keyof Sample
  readonly early: number
  readonly late: number
  readonly limit: number
  readonly isFlat: boolean
}

/** One verdict a rule; none where there are too few samples to say anything. */
export function judge(samples: readonly Sample[]): readonly Verdict[] {
  const judged = samples.slice(Math.ceil(samples.length * UNJUDGED_SHARE))
  if (judged.length < JUDGED_SAMPLES_MIN) return []
  const third = Math.floor(judged.length / 3)
  return rules.map(({ of, factor, slack }) => {
    const middle = (part: readonly Sample[]): number => medianOf(part.map((sample) => sample[of]))
    const [early, late] = [middle(judged.slice(0, third)), middle(judged.slice(-third))]
    const limit = early * factor + slack
    return { of, early, late, limit, isFlat: late <= limit }
  })
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]!
}
