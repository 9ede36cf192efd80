/**
 * Plans the reads of a fetch, as often as needed until there is enough to answer.
 *
 * 1. A poll ends when the bytes asked for are there, when something is to be told, when its time is over, or when nobody waits any longer.
 * 2. The first batch of the response is whole, whatever its size; behind it the limits of request and partition hold.
 * 3. While a poll waits nothing is pinned and nothing is planned: what costs is looked at only where there is more to read.
 */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { Isolation, PartitionLog, ReadPlan } from '../../../storage/index.ts'
import { errorCodeOf } from '../../error-code-of.ts'
import type { RequestContext } from '../../handler.ts'
import { leaderEpochError } from '../../topics/leader-epoch-check.ts'
import type { Partition } from '../../topics/partition.ts'
import type { FetchPartition } from './fetch-partition.ts'
import { waitForMore } from './long-poll.ts'

export interface PollOptions {
  readonly minBytes: number
  readonly maxBytes: number
  readonly maxWaitMs: number
  readonly isolation: Isolation
}

/** Where a reader's log parts from ours (KIP-595). */
export interface DivergingEpoch {
  readonly epoch: number
  readonly endOffset: number
}

export type Outcome =
  | { readonly kind: 'failed'; readonly errorCode: number; readonly partition: Partition | undefined }
  | { readonly kind: 'diverging'; readonly partition: Partition; readonly divergingEpoch: DivergingEpoch }
  | { readonly kind: 'empty'; readonly partition: Partition }
  | { readonly kind: 'planned'; readonly partition: Partition; readonly plan: ReadPlan }

/** A partition that may be read, or why not. */
export type Found = { readonly partition: Partition } | { readonly errorCode: number }

interface Target {
  readonly wanted: FetchPartition['wanted']
  readonly found: Found
}

/** One outcome for each of the targets, in their order. `find` is asked again after every wait. Plans are to be released. */
export async function poll(
  targets: readonly FetchPartition[],
  find: (target: FetchPartition) => Found,
  options: PollOptions,
  { broker: { clock }, signal }: RequestContext,
): Promise<Outcome[]> {
  const { minBytes, maxWaitMs, isolation } = options
  const deadlineMs = clock.monotonic() + Math.max(0, maxWaitMs)
  for (;;) {
    const all = targets.map((target): Target => ({ wanted: target.wanted, found: find(target) }))
    const partitions = all.flatMap(({ found }) => ('partition' in found ? [found.partition] : []))
    const outcomes = all.map((target) => look(target, isolation))
    const isOver = (): boolean => signal.aborted || clock.monotonic() >= deadlineMs
    const isUrgent = outcomes.some(({ kind }) => kind === 'failed' || kind === 'diverging')
    if (outcomes.some(({ kind }) => kind === 'more') || isUrgent || isOver() || minBytes <= 0 || partitions.length === 0) {
      const ends = partitions.map(({ log }) => log.endOffset(isolation))
      const planned = await planAll(all, outcomes, options)
      const sizeBytes = planned.reduce((sum, outcome) => sum + bytesOf(outcome), 0)
      const isToTell = isUrgent || partitions.length === 0 || planned.some(({ kind }) => kind === 'failed')
      if (isToTell || sizeBytes >= minBytes || isOver()) return planned
      releaseOutcomes(planned)
      // What came meanwhile would not wake the wait that follows.
      if (partitions.some(({ log }, index) => log.endOffset(isolation) !== ends[index])) continue
    }
    await waitForMore(partitions, deadlineMs, clock, signal)
  }
}

export function releaseOutcomes(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) if (outcome.kind === 'planned') outcome.plan.release()
}

function bytesOf(outcome: Outcome): number {
  return outcome.kind === 'planned' ? outcome.plan.sizeBytes : 0
}

type Look = Exclude<Outcome, { kind: 'planned' }> | { readonly kind: 'more'; readonly partition: Partition }

/** What there is to say of a partition without a look at its files. */
function look({ wanted, found }: Target, isolation: Isolation): Look {
  if (!('partition' in found)) return { kind: 'failed', errorCode: found.errorCode, partition: undefined }
  const { partition } = found
  const { log, leaderEpoch } = partition
  const failed = (errorCode: number): Look => ({ kind: 'failed', errorCode, partition })
  if (partition.offline !== undefined) return failed(ERROR_CODE.KAFKA_STORAGE_ERROR)
  const epochError = leaderEpochError(wanted.currentLeaderEpoch, leaderEpoch)
  if (epochError !== ERROR_CODE.NONE) return failed(epochError)
  const diverging = divergence(log, wanted)
  if (diverging === 'unknown') return failed(ERROR_CODE.OFFSET_OUT_OF_RANGE)
  if (diverging !== undefined) return { kind: 'diverging', partition, divergingEpoch: diverging }
  const { fetchOffset } = wanted
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) return failed(ERROR_CODE.OFFSET_OUT_OF_RANGE)
  return { kind: fetchOffset < log.endOffset(isolation) ? 'more' : 'empty', partition }
}

/** Where the reader's log, which ends in `lastFetchedEpoch` at the fetch offset, parts from ours; undefined if nowhere. */
function divergence(
  log: PartitionLog,
  { lastFetchedEpoch, fetchOffset }: FetchPartition['wanted'],
): DivergingEpoch | 'unknown' | undefined {
  if (lastFetchedEpoch < 0) return undefined
  const { epoch, endOffset } = log.endOffsetOfEpoch(lastFetchedEpoch)
  if (epoch === undefined || endOffset === undefined) return 'unknown'
  return epoch < lastFetchedEpoch || endOffset < fetchOffset ? { epoch, endOffset } : undefined
}

/** Plans what there is more of, within the limits, in order. */
async function planAll(targets: readonly Target[], looks: readonly Look[], { maxBytes, isolation }: PollOptions): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  let sizeBytes = 0
  for (const [index, seen] of looks.entries()) {
    if (seen.kind !== 'more') {
      outcomes.push(seen)
      continue
    }
    const { fetchOffset: startOffset, partitionMaxBytes } = targets[index]!.wanted
    const limitBytes = Math.max(0, Math.min(partitionMaxBytes, maxBytes - sizeBytes))
    const outcome = await planOne(seen.partition, { startOffset, maxBytes: limitBytes, minOneBatch: sizeBytes === 0, isolation })
    outcomes.push(outcome)
    sizeBytes += bytesOf(outcome)
  }
  return outcomes
}

async function planOne(partition: Partition, options: Parameters<PartitionLog['read']>[0]): Promise<Outcome> {
  if (options.maxBytes === 0 && !options.minOneBatch) return { kind: 'empty', partition }
  try {
    return { kind: 'planned', partition, plan: await partition.log.read(options) }
  } catch (error) {
    return { kind: 'failed', errorCode: errorCodeOf(error), partition }
  }
}
