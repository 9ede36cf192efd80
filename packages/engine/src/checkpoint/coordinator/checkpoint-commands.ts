/** What the edge is told of one checkpoint, written out. */
import type { AbortReason, CoordinatorCommand } from './coordinator-events.ts'
import type { PendingCheckpoint } from './pending-checkpoint.ts'

export interface TriggerFacts {
  /** Wall clock. */
  readonly triggeredMs: number
  readonly stopSources: boolean
  /** Whether checkpoints of the job may be. */
  readonly unaligned: boolean
}

export function triggerCommand({ checkpointId, kind, savepoint }: PendingCheckpoint, facts: TriggerFacts): CoordinatorCommand {
  const { triggeredMs, stopSources } = facts
  // What the user keeps, and what a changed job may go on from, has nothing in flight: that would bind it to the graph as it was.
  const unaligned = facts.unaligned && (kind === 'periodic' || kind === 'manual') ? { unaligned: true as const } : {}
  const target = savepoint === undefined ? {} : { savepoint }
  return { kind: 'trigger', checkpointId, checkpoint: kind, triggeredMs, stopSources, ...unaligned, ...target }
}

export function persistCommand(
  { checkpointId, kind, savepoint, acknowledged }: PendingCheckpoint,
  triggeredMs: number,
): CoordinatorCommand {
  const snapshots = [...acknowledged.values()].map(({ subtask, snapshot }) => ({ subtask, snapshot }))
  const target = savepoint === undefined ? {} : { savepoint }
  return { kind: 'persist', checkpointId, checkpoint: kind, triggeredMs, ...target, snapshots }
}

export function abortedCommand(checkpointId: number, reason: AbortReason, error: string | undefined): CoordinatorCommand {
  return { kind: 'notify-aborted', checkpointId, reason, ...(error === undefined ? {} : { error }) }
}

/** Nothing, where there is nothing to remove. */
export function discardCommands(checkpointId: number, paths: readonly string[]): readonly CoordinatorCommand[] {
  return paths.length === 0 ? [] : [{ kind: 'discard', checkpointId, paths }]
}
