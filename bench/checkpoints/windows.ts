/** What the diaries of a run say about the cost of its checkpoints. Pure. */
import { bootstrapInterval, type Interval } from '../statistics.ts'
import type { Diary } from './source.ts'

/** A window that a checkpoint was taken in, between two of the same length without. Rates in records a second. */
export interface Window {
  readonly withRate: number
  /** Mean of the window before and the one after. */
  readonly withoutRate: number
  readonly fromMs: number
  readonly toMs: number
  /** Whether the checkpoint was complete before the window ended: otherwise the next one is not without. */
  readonly isContained: boolean
}

/** The windows of all barriers from `fromMs` on that have a window before and one after. */
export function windowsOf(diaries: readonly Diary[], windowMs: number, fromMs: number): readonly Window[] {
  const barriers = Math.min(...diaries.map(({ barriersMs }) => barriersMs.length))
  const lastMs = Math.min(...diaries.map(({ progress }) => progress.at(-2)!))
  const windows: Window[] = []
  for (let at = 0; at < barriers; at++) {
    const startMs = Math.min(...diaries.map(({ barriersMs }) => barriersMs[at]!))
    const completedMs = Math.max(...diaries.map((diary) => diary.completedMs[at] ?? Infinity))
    if (startMs - windowMs < fromMs || startMs + 2 * windowMs > lastMs) continue
    const rate = (windowFromMs: number): number =>
      diaries.reduce((sum, { progress }) => sum + countAt(progress, windowFromMs + windowMs) - countAt(progress, windowFromMs), 0) /
      (windowMs / 1000)
    windows.push({
      withRate: rate(startMs),
      withoutRate: (rate(startMs - windowMs) + rate(startMs + windowMs)) / 2,
      fromMs: startMs,
      toMs: startMs + windowMs,
      isContained: completedMs <= startMs + windowMs,
    })
  }
  return windows
}

/** Records by then, interpolated. */
export function countAt(progress: readonly number[], atMs: number): number {
  let low = 0
  let high = progress.length / 2 - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (progress[2 * middle]! <= atMs) low = middle
    else high = middle - 1
  }
  const [timeMs, count, nextMs, next] = progress.slice(2 * low, 2 * low + 4) as [number, number, number?, number?]
  if (nextMs === undefined || next === undefined || atMs <= timeMs) return count
  return count + ((next - count) * (atMs - timeMs)) / (nextMs - timeMs)
}

/** The share of throughput that is lost, with its 95 % interval. */
export function lostShare(windows: readonly Window[]): { readonly share: number; readonly interval: Interval } {
  const estimate = (sample: readonly Window[]): number =>
    1 - sample.reduce((sum, { withRate }) => sum + withRate, 0) / sample.reduce((sum, { withoutRate }) => sum + withoutRate, 0)
  return { share: estimate(windows), interval: bootstrapInterval(windows, estimate) }
}

export interface Pauses {
  /** The longest time between two polls of a source. */
  readonly longestMs: number
  /** The same, less the collections of the thread's heap within it. */
  readonly longestBesideCollectionMs: number
  readonly longestCollectionMs: number
}

/** The longest pauses that began at a time for which `isWithin` holds. */
export function pausesOf(diaries: readonly Diary[], isWithin: (atMs: number) => boolean): Pauses {
  const gaps = diaries.flatMap(({ gaps: all, collections }) =>
    all.filter(([fromMs]) => isWithin(fromMs)).map((gap) => ({ lengthMs: gap[1] - gap[0], collectionMs: overlapMs(gap, collections) })),
  )
  const collections = diaries.flatMap((diary) => diary.collections.filter(([fromMs]) => isWithin(fromMs)).map(([from, to]) => to - from))
  return {
    longestMs: Math.max(0, ...gaps.map(({ lengthMs }) => lengthMs)),
    longestBesideCollectionMs: Math.max(0, ...gaps.map(({ lengthMs, collectionMs }) => lengthMs - collectionMs)),
    longestCollectionMs: Math.max(0, ...collections),
  }
}

function overlapMs([fromMs, toMs]: readonly [number, number], collections: readonly (readonly [number, number])[]): number {
  return collections.reduce((sum, [from, to]) => sum + Math.max(0, Math.min(toMs, to) - Math.max(fromMs, from)), 0)
}
