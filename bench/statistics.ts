// The few statistics that the benchmarks report.

/** By linear interpolation between the two nearest of the sorted values; `share` from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  if (sorted.length === 0) return Number.NaN
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]!
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(mean(values.map((value) => Math.log(value))))
}

export interface Interval {
  readonly low: number
  readonly high: number
}

const RESAMPLES = 4_000

/** Percentile bootstrap, 95 %: what `estimate` answers over resamples of `units`. Seeded: the same input gives the same interval. */
export function bootstrapInterval<T>(units: readonly T[], estimate: (sample: readonly T[]) => number): Interval {
  let seed = 0x2545f491
  const draw = (): T => {
    seed ^= seed << 13
    seed ^= seed >>> 17
    seed ^= seed << 5
    return units[(seed >>> 0) % units.length]!
  }
  const estimates = Array.from({ length: RESAMPLES }, () => estimate(units.map(draw)))
  return { low: quantile(estimates, 0.025), high: quantile(estimates, 0.975) }
}
