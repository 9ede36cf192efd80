/**
 * How the records of one subtask of an operator are spread over its keys, from samples: what its heaviest keys are, and how much of the whole each has.
 *
 * 1. A sample stands for as many records as the stretch had that it was taken of, so that shares are those of records, however batches are cut.
 * 2. What a sample weighs halves every `HALF_LIFE_MS`: a key that was hot cools down. Time is looked at when it is reported, never when a sample comes.
 * 3. A key is told to have no more than it surely has: what it may have got from the key whose place it took does not count.
 */
import { SpaceSaving } from '@millrace/core'
import { keyLabel } from './key-label.ts'

export const HALF_LIFE_MS = 30_000
/** Keys that are kept: whatever has more of the samples than one in so many is among them. */
export const KEYS_KEPT_MAX = 128
/** Of each operator. */
export const HOT_KEYS_MAX = 5
/** Fewer samples say nothing. */
const SAMPLES_MIN = 30
/** A key that has less left of a sample is no longer one of those that there are. */
const FADED_SAMPLES = 1 / 16
/** With less left than this all is forgotten. */
const FORGOTTEN_SAMPLES = 1 / 1_024

/** What a subtask tells. Plain data. */
export interface KeyLoadReport {
  /** Records that the samples stand for, as far as they have not faded. */
  readonly records: number
  /** Samples, all as heavy as those that carry the most weight: it takes so many to say as much as they do. */
  readonly samples: number
  /** Keys that have been seen lately, as far as there is room for them. */
  readonly keys: number
  /** By falling records, at most `HOT_KEYS_MAX`. */
  readonly heaviest: readonly { readonly key: string; readonly records: number }[]
}

export class KeyLoad {
  readonly #sketch: SpaceSaving = new SpaceSaving(KEYS_KEPT_MAX)
  /** Sum of the squares of the weights. */
  #squares = 0
  #fadedMs: number | undefined

  /** `records`: how many the sample stands for. */
  add(key: unknown, hash: number, records: number): void {
    this.#sketch.add(keyLabel(key, hash), records)
    this.#squares += records * records
  }

  report(nowMs: number): KeyLoadReport {
    this.#fade(nowMs)
    const records = this.#sketch.total
    if (records === 0) return { records: 0, samples: 0, keys: 0, heaviest: [] }
    const ofSample = this.#squares / records
    const certain = this.#sketch
      .entries()
      .map(({ key, weight, error }) => ({ key, records: weight - error }))
      .filter((each) => each.records >= ofSample * FADED_SAMPLES)
    const heaviest = certain.toSorted((a, b) => b.records - a.records).slice(0, HOT_KEYS_MAX)
    return { records, samples: records / ofSample, keys: certain.length, heaviest }
  }

  #fade(nowMs: number): void {
    const sinceMs = nowMs - (this.#fadedMs ?? nowMs)
    this.#fadedMs = nowMs
    if (sinceMs <= 0) return
    const factor = 0.5 ** (sinceMs / HALF_LIFE_MS)
    this.#sketch.fade(factor)
    this.#squares *= factor
    const { total } = this.#sketch
    if ((total * total) / this.#squares >= FORGOTTEN_SAMPLES) return
    this.#sketch.clear()
    this.#squares = 0
  }
}

/** The share that the heaviest key has of the subtask's records, 0 to 1; undefined: there are too few samples to say. */
export function hottestRatio({ records, samples, heaviest }: KeyLoadReport): number | undefined {
  return samples < SAMPLES_MIN ? undefined : (heaviest[0]?.records ?? 0) / records
}
