/** What the parts of the construction of one subtask share. */
import type { LogRecord } from '@millrace/core'
import type { CoordinatorMessage } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { PlannedTask } from '../../graph/plan-types.ts'
import type { OrderedStores } from '../../state/rocksdb/ordered-store.ts'
import type { Deployment } from '../deployment/deployment.ts'
import type { Slot } from './slot.ts'
import type { SlotPorts } from './slot-ports.ts'

export interface SubtaskBuilderOptions {
  readonly deployment: Deployment
  readonly ports: SlotPorts
  readonly slot: Slot
  readonly signal: AbortSignal
  readonly acknowledge: (message: CoordinatorMessage) => void
  readonly log: (record: LogRecord) => void
  readonly failed: (error: unknown) => void
}

/** Where keyed state is that has to make room, and the share of the memory that each operator with keyed state gets. */
export interface SlotCache {
  readonly stores: OrderedStores
  readonly cacheBytes: number
}

export interface SubtaskContext {
  readonly options: SubtaskBuilderOptions
  readonly planned: PlannedTask
  readonly subtask: number
  readonly cache: SlotCache | undefined
}
