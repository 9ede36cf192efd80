import type { SavepointTarget } from '../../checkpoint/coordinator/coordinator-events.ts'

/** The master's order to a task to take part in a checkpoint. */
export interface Trigger {
  readonly kind: 'trigger'
  readonly checkpointId: number
  readonly triggeredMs: number
  readonly completedId: number
  readonly stopSources: boolean
  readonly unaligned?: boolean
  readonly savepoint?: SavepointTarget
}
