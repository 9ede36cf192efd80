import type { Clock } from '@millrace/core'
import type { AlignerAction } from '../../checkpoint/aligner/aligner-events.ts'
import type { SavepointTarget } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { Chain } from '../../operators/chain.ts'
import type { ExchangeOutput } from './exchange-output.ts'
import type { InFlightSnapshot } from '../snapshot/in-flight.ts'
import type { UnalignedSettings } from '../deployment/deployment.ts'
import type { Alignment } from '../snapshot/snapshot-timings.ts'
import type { TaskTimes } from './task-times.ts'

/** `ending`: its input has ended, and what is under way is waited for. `finishing`: its operators' `finish` is. */
export type TaskState = 'opening' | 'running' | 'ending' | 'finishing' | 'finished' | 'over'

export interface TaskParts {
  readonly task: number
  readonly name: string
  readonly subtask: number
  readonly chain: Chain
  readonly outputs: readonly ExchangeOutput[]
  readonly clock: Clock
  readonly times: TaskTimes
  /** Undefined: every checkpoint is aligned. */
  readonly unaligned?: UnalignedSettings | undefined
  /** Records handed in at a time; default: found by measuring, where checkpoints may be unaligned. */
  readonly sliceRecords?: number | undefined
}

/** What a snapshot is taken for, and with. */
export interface SnapshotOrder {
  readonly checkpointId: number
  readonly triggeredMs: number
  readonly completedId: number
  readonly savepoint: SavepointTarget | undefined
  readonly alignment: Alignment
  /** What is in flight belongs to it; undefined: nothing is. */
  readonly inFlight: InFlightSnapshot | undefined
}

export interface TaskHandler {
  /** Take the snapshot; the task forwards the barrier right after. */
  snapshot(order: SnapshotOrder): void
  /** What is in flight to a snapshot that was taken will not be whole. */
  snapshotGivenUp(checkpointId: number): void
  declined(action: Extract<AlignerAction, { kind: 'decline' }>): void
  /** All input is processed, the operators have finished, and the end is sent on. */
  inputFinished(): void
  failed(error: unknown): void
  wake(): void
}

/** What a step came to. */
export type StepOutcome = 'worked' | 'idle' | 'back-pressured' | 'over'
