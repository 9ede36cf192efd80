/** Which checkpoint of an attempt begins next, and when. Pure. */
import type { CheckpointRequests } from './checkpoint-requests.ts'
import type { CheckpointKind } from './coordinator-events.ts'
import type { Ending } from './ending.ts'
import type { PendingCheckpoints } from './pending-checkpoints.ts'
import type { PeriodicSchedule } from './periodic-schedule.ts'

export interface NextCheckpointFacts {
  readonly ending: Pick<Ending, 'cause' | 'dueMs'>
  readonly requests: Pick<CheckpointRequests, 'savepointWaits' | 'checkpointDue'>
  readonly pending: Pick<PendingCheckpoints, 'count' | 'has'>
  readonly schedule: Pick<PeriodicSchedule, 'nextMs'>
  readonly maxConcurrent: number
}

export interface NextCheckpoint {
  readonly kind: CheckpointKind
  /** Not before; -Infinity: at once. Infinity: never. */
  readonly dueMs: number
}

/** Undefined: nothing may begin before something else has ended. */
export function nextCheckpoint({ ending, requests, pending, schedule, maxConcurrent }: NextCheckpointFacts): NextCheckpoint | undefined {
  // The final one waits for nobody, and nothing begins after it.
  if (ending.cause !== undefined) return pending.has('final') ? undefined : { kind: 'final', dueMs: ending.dueMs }
  if (requests.savepointWaits) return pending.count === 0 ? { kind: 'savepoint', dueMs: -Infinity } : undefined
  if (pending.count >= maxConcurrent || pending.has('savepoint')) return undefined
  return requests.checkpointDue ? { kind: 'manual', dueMs: -Infinity } : { kind: 'periodic', dueMs: schedule.nextMs }
}
