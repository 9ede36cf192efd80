/**
 * What runs where: which slot has which subtasks, and which channels lie between them. Pure; computed alike by the master and by every slot.
 */
import type { CheckpointMode } from '../../checkpoint/options.ts'
import type { EdgeNode, Partitioning } from '../../graph/graph.ts'
import type { ExecutionPlan, PlannedExchange, PlannedTask } from '../../graph/plan-types.ts'
import type { Region } from '../../graph/regions.ts'
import type { SegmentCompression } from '../../state/state-types.ts'
import type { RestoredOperator } from './restored.ts'

/** What a slot needs to know to run its part of an attempt. Plain data. */
export interface Deployment {
  readonly jobName: string
  readonly attempt: number
  /** The smallest attempt that any region of the job runs under. */
  readonly oldestAttempt: number
  readonly region: Region
  /** Among those of the region. */
  readonly slot: number
  /** Of the region. */
  readonly slots: number
  readonly plan: ExecutionPlan
  readonly settings: SlotSettings
  /** The id of the restored checkpoint of this very job: later ones may build on it. 0 if there is none, or if it is another job's. */
  readonly restoredCheckpointId: number
  /** Whether the attempt starts from a checkpoint, of whatever job. */
  readonly restoring: boolean
  /** State of the operators' instances of this slot. */
  readonly restored: readonly RestoredOperator[]
  /** Whether stored states that an operator no longer declares are left out instead of refused. */
  readonly allowNonRestoredState: boolean
}

export interface UnalignedSettings {
  /** How long a snapshot waits for barriers, from the trigger; 0: not at all. */
  readonly alignedTimeoutMs: number
  /** In flight to one subtask, for one checkpoint. */
  readonly bytesMax: number
}

export interface SlotSettings {
  readonly bufferTimeoutMs: number
  readonly mode: CheckpointMode
  /** Undefined: every checkpoint is aligned. */
  readonly unaligned?: UnalignedSettings
  /** When checkpoints are taken; `intervalMs` undefined: only at the end and when asked for. */
  readonly checkpoints: { readonly intervalMs: number | undefined; readonly timeoutMs: number }
  /** Of each source over all its subtasks; undefined: no limit. */
  readonly maxRecordsPerSecond: number | undefined
  /** Whether state is written while the task goes on. */
  readonly asynchronousSnapshots: boolean
  /** Of keyed state in checkpoints and savepoints. */
  readonly compression: SegmentCompression
  /** Whether a checkpoint may refer to files of those before it. */
  readonly incrementalSnapshots: boolean
  readonly development: boolean
  /** Invocations of an asynchronous user function under way or waiting, for each operator instance. */
  readonly asyncCapacity: number
}

/** One channel of an exchange. */
export interface ChannelPlace {
  readonly exchange: PlannedExchange
  readonly edge: EdgeNode
  readonly from: number
  readonly to: number
}

/** Slots that a region needs: as many as its widest task has subtasks. Regions share none, so that one can end without the others. */
export function slotsOf(plan: ExecutionPlan, { tasks }: Region): number {
  return Math.max(1, ...tasks.map((task) => plan.tasks[task]!.parallelism))
}

/** Subtask i of every task runs in slot i of its region: what a record passes on a forward path stays on one thread. */
export function slotOfSubtask(subtask: number, slots: number): number {
  return subtask % slots
}

/** The subtasks of a slot, in topological order of their tasks. */
export function subtasksOf({
  plan,
  region,
  slot,
  slots,
}: Pick<Deployment, 'plan' | 'region' | 'slot' | 'slots'>): readonly { readonly task: PlannedTask; readonly subtask: number }[] {
  return region.tasks
    .map((task) => plan.tasks[task]!)
    .flatMap((task) =>
      Array.from({ length: task.parallelism }, (_, subtask) => ({ task, subtask })).filter(
        ({ subtask }) => slotOfSubtask(subtask, slots) === slot,
      ),
    )
}

/** The channels of an exchange, by sender, then receiver. Forward and rescale connect only some pairs. */
export function channelsOf(plan: ExecutionPlan, exchange: PlannedExchange): readonly ChannelPlace[] {
  const edge = plan.graph.edges[exchange.edge]!
  const senders = plan.tasks[exchange.from]!.parallelism
  const receivers = plan.tasks[exchange.to]!.parallelism
  const places: ChannelPlace[] = []
  for (let from = 0; from < senders; from++) {
    for (const to of receiversOf(exchange.partitioning, from, senders, receivers)) places.push({ exchange, edge, from, to })
  }
  return places
}

/** The receivers a sender has channels to, in the order of its channels. */
export function receiversOf(partitioning: Partitioning, from: number, senders: number, receivers: number): readonly number[] {
  if (partitioning === 'forward') return [from]
  if (partitioning === 'rescale') return rescaleReceivers(from, senders, receivers)
  return Array.from({ length: receivers }, (_, to) => to)
}

/** Senders and receivers are put side by side on a line; each sender reaches the receivers its stretch overlaps. */
function rescaleReceivers(from: number, senders: number, receivers: number): readonly number[] {
  if (senders >= receivers) return [Math.floor((from * receivers) / senders)]
  const first = Math.ceil((from * receivers) / senders)
  const end = Math.ceil(((from + 1) * receivers) / senders)
  return Array.from({ length: end - first }, (_, index) => first + index)
}

export function channelKey(place: { readonly exchange: PlannedExchange; readonly from: number; readonly to: number }): string {
  return `${place.exchange.id}:${place.from}:${place.to}`
}

/**
 * Whether a snapshot may overtake records on such an exchange, for they could be dealt out anew at another parallelism: by key, or to anyone. Records of the others are for
 * the very subtask that has them, or for all alike.
 */
export function canBeOvertaken(partitioning: Partitioning): boolean {
  return partitioning === 'hash' || partitioning === 'rebalance' || partitioning === 'shuffle' || partitioning === 'global'
}
