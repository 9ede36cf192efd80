import { HOT_KEYS_MAX, type KeyLoadReport } from './key-load.ts'

/** A key that a large part of an operator's records has. */
export interface HotKey {
  /** As JSON; of a long one the beginning, with its hash. */
  readonly key: string
  /** Of the operator's records of about the last minute, 0 to 1. */
  readonly share: number
  /** Where its records go. */
  readonly subtask: number
}

/** A key with less than this is not hot, however many keys there are. */
const SHARE_MIN = 0.01
/** How much less likely than 1 it must be that chance has made a key look hot: e ** -12 is one in 160,000. */
const CERTAINTY = 12

/**
 * The hottest keys of an operator, over all its subtasks: those that have twice of what each would have if all keys had the same, and at least one record in a hundred.
 *
 * A key belongs to one subtask, so what each of those tells adds up. "Twice" is taken of the odds, which for small shares is the same: of two keys that share all records
 * evenly neither is hot, of one with two thirds it may be said. A single key that has all of them is hot.
 */
export function hotKeys(loads: readonly { readonly subtask: number; readonly load: KeyLoadReport }[]): readonly HotKey[] {
  const told = loads.filter(({ load }) => load.records > 0)
  const sum = (of: (load: KeyLoadReport) => number): number => told.reduce((all, { load }) => all + of(load), 0)
  const records = sum((load) => load.records)
  const samples = (records * records) / sum((load) => (load.records * load.records) / load.samples)
  const even =
    1 /
    Math.max(
      2,
      sum((load) => load.keys),
    )
  const bound = Math.max(SHARE_MIN, (2 * even) / (1 + even))
  return told
    .flatMap(({ subtask, load }) => load.heaviest.map((each) => ({ key: each.key, share: each.records / records, subtask })))
    .filter(({ share }) => exceeds(share, bound, samples))
    .toSorted((a, b) => b.share - a.share)
    .slice(0, HOT_KEYS_MAX)
}

/** Whether a key that is to have `bound` at most cannot have such a share of so many samples by chance: the bound of Chernoff and Hoeffding. */
function exceeds(share: number, bound: number, samples: number): boolean {
  if (share <= bound) return false
  const rest = 1 - share
  const divergence = share * Math.log(share / bound) + (rest > 0 ? rest * Math.log(rest / (1 - bound)) : 0)
  return samples * divergence >= CERTAINTY
}
