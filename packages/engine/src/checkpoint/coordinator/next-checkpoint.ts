/** Which checkpoint of an attempt begins next, and when. Pure. */
import type { CheckpointRequests } from './checkpoint-requests.ts'
import { COMMITS_BEHIND_MAX, type CommitsUnderWay } from './commits-under-way.ts'
import type { CheckpointKind } from './coordinator-events.ts'
import type { Ending } from './ending.ts'
import type { PendingCheckpoints } from './pending-checkpoints.ts'
import type { PeriodicSchedule } from './periodic-schedule.ts'

export interface NextCheckpointFacts {
  readonly ending: Pick<Ending, 'cause' | 'dueMs'>
  readonly requests: Pick<CheckpointRequests, 'savepointWaits' | 'checkpointDue'>
  readonly pending: Pick<PendingCheckpoints, 'count' | 'has'>
  readonly schedule: Pick<PeriodicSchedule, 'nextMs'>
  readonly commits: Pick<CommitsUnderWay, 'behind'>
  readonly maxConcurrent: number
  /** How long a periodic one waits for commits. */
  readonly commitsWaitMs: number
}

export interface NextCheckpoint {
  readonly kind: CheckpointKind
  /** Not before; -Infinity: at once. Infinity: never. */
  readonly dueMs: number
  /** It would be due from then on, and waits for commits. */
  readonly heldFromMs?: number
}

/**
 * Undefined: nothing may begin before something else has ended.
 *
 * Where commits take longer than the interval a periodic one waits for them, so that what is staged and not committed does not become more and more: it covers all that
 * has come meanwhile, in one commit. Only those wait: what somebody has asked for, or a job ends with, does not. And not for ever, so that a sink that hangs, or waits for another
 * checkpoint itself, does not keep the job from having any.
 */
export function nextCheckpoint(facts: NextCheckpointFacts): NextCheckpoint | undefined {
  const { ending, requests, pending, schedule, commits, maxConcurrent, commitsWaitMs } = facts
  // The final one waits for nobody, and nothing begins after it.
  if (ending.cause !== undefined) return pending.has('final') ? undefined : { kind: 'final', dueMs: ending.dueMs }
  if (requests.savepointWaits) return pending.count === 0 ? { kind: 'savepoint', dueMs: -Infinity } : undefined
  if (pending.count >= maxConcurrent || pending.has('savepoint')) return undefined
  if (requests.checkpointDue) return { kind: 'manual', dueMs: -Infinity }
  const { nextMs } = schedule
  if (commits.behind < COMMITS_BEHIND_MAX) return { kind: 'periodic', dueMs: nextMs }
  return { kind: 'periodic', dueMs: nextMs + commitsWaitMs, heldFromMs: nextMs }
}
