import { engineError } from '../errors.ts'

/** The most key groups a job can have, as in Flink. */
export const MAX_PARALLELISM_LIMIT = 32_768

/** A hash is one of so many. */
const HASHES = 4_294_967_296

/** Key groups from `first` to `end`, `end` not included. */
export interface KeyGroupRange {
  readonly first: number
  readonly end: number
}

/**
 * The key group of a key's hash, in [0, maxParallelism): the hash's place in [0, 2^32), scaled.
 * Scaling reads the high bits and leaves the low ones to the tables, so that the keys of one group still spread over a table.
 */
export function keyGroupOf(hash: number, maxParallelism: number): number {
  return Math.floor(((hash >>> 0) * maxParallelism) / HASHES)
}

/**
 * The groups of one subtask: contiguous, none empty, sizes differ by one at most. As Flink's KeyGroupRangeAssignment.
 * @throws KEY_GROUP_RANGE
 */
export function keyGroupRange(subtask: number, parallelism: number, maxParallelism: number): KeyGroupRange {
  checkParallelism(parallelism, maxParallelism)
  return {
    first: Math.floor((subtask * maxParallelism + parallelism - 1) / parallelism),
    end: Math.floor(((subtask + 1) * maxParallelism - 1) / parallelism) + 1,
  }
}

/** The groups that a range's keys were in when there were `formerMaxParallelism` of them: keys lie in the same order in both, so these are contiguous too. */
export function formerGroups({ first, end }: KeyGroupRange, maxParallelism: number, formerMaxParallelism: number): KeyGroupRange {
  const lowest = Math.ceil((first * HASHES) / maxParallelism)
  const highest = Math.ceil((end * HASHES) / maxParallelism) - 1
  return { first: keyGroupOf(lowest, formerMaxParallelism), end: keyGroupOf(highest, formerMaxParallelism) + 1 }
}

/** The subtask whose range holds the group. Does not check: it is called for every record. */
export function subtaskOfKeyGroup(group: number, maxParallelism: number, parallelism: number): number {
  return Math.floor((group * parallelism) / maxParallelism)
}

/** @throws KEY_GROUP_RANGE */
export function checkParallelism(parallelism: number, maxParallelism: number): void {
  const good =
    Number.isInteger(parallelism) &&
    Number.isInteger(maxParallelism) &&
    parallelism >= 1 &&
    parallelism <= maxParallelism &&
    maxParallelism <= MAX_PARALLELISM_LIMIT
  if (!good) throw engineError('KEY_GROUP_RANGE', { parallelism, maxParallelism, limit: MAX_PARALLELISM_LIMIT })
}
