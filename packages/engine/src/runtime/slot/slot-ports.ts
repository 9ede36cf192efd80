import type { Clock, Disk, Network, Random } from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import type { StateFileStorage } from '../../checkpoint/storage.ts'
import type { InputChannel, OutputChannel } from '../../exchange/elements.ts'
import type { KeyedStateBackend } from '../../state/state-types.ts'
import type { ChannelPlace } from '../deployment/deployment.ts'
import type { ThreadSignal } from './slot.ts'
import type { StateBackend } from '../storage/state-backend.ts'
import type { BuiltSubtask } from './subtask-builder.ts'

/** Everything a slot needs from the thread it runs on. */
export interface SlotPorts {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  readonly signal: ThreadSignal
  readonly functions: JobFunctions
  readonly storage: StateFileStorage
  readonly channels: ChannelFactory
  /** How long a slot works before it gives the thread back, and how many rows of a snapshot it writes (of what it restores: loads or takes over) and records it hands in at once; default 2 ms, 128 (4096), as many as take little time. */
  readonly pace?: { readonly turnMs: number; readonly snapshotRows: number; readonly sliceRecords?: number }
  /** How often the slot tells its metrics; default 500 ms. */
  readonly metricsIntervalMs?: number
  /** Puts something around the keyed state of every operator: a simulation looks on, or errs on purpose. */
  readonly keyedState?: (backend: KeyedStateBackend) => KeyedStateBackend
  /** Where keyed state is that does not fit into memory; by default all of it has to. */
  readonly stateBackend?: StateBackend | undefined
  /** Writes a crash capsule about a failure; answers where it is. */
  readonly capsule?: (
    error: unknown,
    subtasks: readonly BuiltSubtask[],
  ) => Promise<{ readonly path: string; readonly command: string } | undefined>
}

/** Makes the ends of the channels of a slot. */
export interface ChannelFactory {
  output(place: ChannelPlace, wake: () => void): OutputChannel
  input(place: ChannelPlace, wake: () => void): InputChannel
}
