/**
 * Builds the subtasks of a slot, whole or not at all: chains with their state, edges and connectors, the tasks that drive them, and what takes their snapshots.
 */
import type { MetricSnapshot } from '@millrace/core'
import type { ErasedProcessFunction } from '../../api/functions.ts'
import type { OperatorStateDeclarations } from '../../api/operator-state.ts'
import type { SubtaskId } from '../../checkpoint/handles.ts'
import type { EdgeNode, OperatorNode } from '../../graph/graph.ts'
import type { PlannedTask } from '../../graph/plan-types.ts'
import { buildChain, type Chain, type ChainHost } from '../../operators/chain.ts'
import type { OperatorHost, OperatorOutputs, UnfinishedInput } from '../../operators/operator.ts'
import { ChainCursor, type Receiver } from '../../operators/receiver.ts'
import type { BroadcastState } from '../../state/operator/broadcast-state.ts'
import type { KeyedState } from '../../state/keyed-state.ts'
import type { OperatorState } from '../../state/operator/operator-state.ts'
import type { KeyedStateBackend } from '../../state/state-types.ts'
import type { OperatorInstance } from '../deployment/messages.ts'
import type { CheckpointedOperator } from '../snapshot/operator-part.ts'
import type { SlotCache, SubtaskBuilderOptions, SubtaskContext } from './subtask-context.ts'
import { SubtaskConnectors } from './subtask-connectors.ts'
import { SubtaskEdges } from './subtask-edges.ts'
import { SubtaskSnapshots } from '../task/subtask-snapshots.ts'
import { SubtaskStates } from './subtask-states.ts'
import { Task } from '../task/task.ts'
import type { TaskParts } from '../task/task-types.ts'
import { TaskTimes } from '../task/task-times.ts'
import { measureKeys } from '../metrics/metrics-of-keys.ts'
import { taskLog, TaskMetricsRegistry } from '../metrics/user-instruments.ts'

export interface BuiltSubtask {
  readonly task: Task
  readonly snapshots: SubtaskSnapshots
  /** Where the task reads a source. */
  readonly reader: OperatorInstance | undefined
  metrics(): readonly MetricSnapshot[]
  /** Keyed state of an operator of the chain. */
  readonly keyed: (stateId: string) => KeyedState | undefined
  /** Begins to remove what expires from the state, while the slot runs. */
  clean(): void
}

/** @returns what went wrong meanwhile */
export async function closeSubtask({ task, snapshots }: Pick<BuiltSubtask, 'task' | 'snapshots'>): Promise<readonly unknown[]> {
  const errors: unknown[] = []
  await snapshots.close().catch((error: unknown) => errors.push(error))
  errors.push(...(await task.close()))
  return errors
}

export class SubtaskBuilder {
  readonly #options: SubtaskBuilderOptions

  constructor(options: SubtaskBuilderOptions) {
    this.#options = options
  }

  /** All of them, or none: what was built before a failure is closed again. */
  async build(subtasks: readonly { readonly task: PlannedTask; readonly subtask: number }[]): Promise<readonly BuiltSubtask[]> {
    const built: BuiltSubtask[] = []
    const cache = await this.#openCache(subtasks.map(({ task }) => task))
    try {
      for (const { task, subtask } of subtasks) built.push(await new OneSubtask(this.#options, task, subtask, cache).build())
    } catch (error) {
      for (const subtask of built) await closeSubtask(subtask)
      throw error
    }
    return built
  }

  /** The stores of the slot, and the share of its cache that each operator with keyed state gets. */
  async #openCache(tasks: readonly PlannedTask[]): Promise<SlotCache | undefined> {
    const { deployment, ports } = this.#options
    if (ports.stateBackend === undefined) return undefined
    const { operators } = deployment.plan.graph
    const keyed = tasks.flatMap((task) => task.operators.filter((id) => operators[id]!.kind.startsWith('keyed')))
    const { attempt, oldestAttempt, region, slot } = deployment
    const stores = await ports.stateBackend.open({ attempt, oldestAttempt, region: region.id, slot })
    return { stores, cacheBytes: Math.floor(ports.stateBackend.cacheBytes / Math.max(1, keyed.length)) }
  }
}

/** The construction of one subtask. */
class OneSubtask implements ChainHost {
  readonly cursor: ChainCursor = new ChainCursor()
  readonly freezes: boolean
  readonly #options: SubtaskBuilderOptions
  readonly #planned: PlannedTask
  readonly #subtask: number
  readonly #states: SubtaskStates
  readonly #edges: SubtaskEdges
  readonly #connectors: SubtaskConnectors
  readonly #metrics: TaskMetricsRegistry = new TaskMetricsRegistry()
  #task: Task | undefined

  constructor(options: SubtaskBuilderOptions, planned: PlannedTask, subtask: number, cache: SlotCache | undefined) {
    this.#options = options
    this.freezes = options.deployment.settings.development
    this.#planned = planned
    this.#subtask = subtask
    const context: SubtaskContext = { options, planned, subtask, cache }
    this.#states = new SubtaskStates(context)
    this.#edges = new SubtaskEdges(context, this.cursor, () => this.#task?.position())
    this.#connectors = new SubtaskConnectors(context, this.#metrics, () => this.#task)
  }

  async build(): Promise<BuiltSubtask> {
    const chain = buildChain(this.#options.deployment.plan, this.#planned, this.#options.ports.functions, this)
    const task: Task = new Task(this.#parts(chain), {
      snapshot: (order) => {
        // A barrier from another thread may overtake the master's message about the checkpoint before it: what is built on must be what the master thinks it is.
        snapshots.knownComplete(order.completedId)
        snapshots.take(order)
      },
      snapshotGivenUp: (checkpointId) => snapshots.aborted(checkpointId),
      declined: ({ checkpointId, reason }) => snapshots.decline(checkpointId, reason),
      inputFinished: () =>
        this.#options.acknowledge({ kind: 'input-finished', attempt: this.#options.deployment.attempt, subtask: this.#place }),
      failed: this.#options.failed,
      wake: this.#options.slot.wake,
    })
    this.#task = task
    const reader = this.#addInput(task, chain)
    const snapshots = this.#snapshots(task, chain)
    try {
      await this.#states.restore(chain, task)
    } catch (error) {
      await closeSubtask({ task, snapshots })
      throw error
    }
    this.#states.measure(this.#metrics)
    measureKeys(chain.keyed, this.#metrics, this.#options.ports.clock)
    return {
      task,
      snapshots,
      reader,
      metrics: () => this.#metrics.snapshot(),
      keyed: (stateId) => this.#states.keyedOf(stateId),
      clean: () => this.#states.clean(),
    }
  }

  get #place(): SubtaskId {
    return { task: this.#planned.id, subtask: this.#subtask }
  }

  #parts(chain: Chain): TaskParts {
    const { deployment, ports } = this.#options
    const place = this.#place
    return {
      ...place,
      name: this.#planned.name,
      chain,
      outputs: this.#edges.outputs,
      clock: ports.clock,
      times: new TaskTimes(ports.clock.monotonic()),
      unaligned: deployment.settings.unaligned,
      sliceRecords: ports.pace?.sliceRecords,
    }
  }

  #snapshots(task: Task, chain: Chain): SubtaskSnapshots {
    const { deployment, ports, slot, acknowledge } = this.#options
    return new SubtaskSnapshots({
      identity: { attempt: deployment.attempt, ...this.#place },
      operators: this.#checkpointed(chain, task),
      storage: ports.storage,
      disk: ports.disk,
      clock: ports.clock,
      slot,
      asynchronous: deployment.settings.asynchronousSnapshots,
      incremental: deployment.settings.incrementalSnapshots,
      readerCompleted: (checkpointId) => task.source?.head.reader.checkpointComplete?.(checkpointId),
      acknowledge,
      failed: (error) => task.fail(error),
    })
  }

  #addInput(task: Task, chain: Chain): OperatorInstance | undefined {
    const source = this.#connectors.sourceHead(chain, task)
    if (source !== undefined) {
      task.readSource(source)
      return { operator: this.#planned.operators[0]!, subtask: this.#subtask }
    }
    const { settings, restoredCheckpointId } = this.#options.deployment
    task.readFrom(this.#edges.channels(), settings.mode, restoredCheckpointId)
    return undefined
  }

  // ---------- ChainHost

  operatorHost(node: OperatorNode, outputs: OperatorOutputs): OperatorHost {
    const { deployment, ports, slot, signal } = this.#options
    const labels = { operator: node.name, stateId: node.stateId, subtask: this.#subtask }
    return {
      node,
      subtask: this.#subtask,
      parallelism: this.#planned.parallelism,
      cursor: this.cursor,
      outputs,
      clock: ports.clock,
      log: taskLog(ports.clock, labels, this.#options.log),
      metrics: this.#metrics.of(labels),
      signal,
      asyncCapacity: deployment.settings.asyncCapacity,
      position: () => this.#task?.position(),
      wake: slot.wake,
      fail: (failure) => this.#task?.fail(failure),
    }
  }

  keyedState(node: OperatorNode, fn: ErasedProcessFunction): KeyedStateBackend {
    return this.#states.keyedState(node, fn)
  }

  finishedBefore(node: OperatorNode): boolean {
    return this.#states.restored(node.id)?.finished === true
  }

  broadcastState(node: OperatorNode): BroadcastState {
    return this.#states.broadcastState(node)
  }

  operatorState(node: OperatorNode, states: OperatorStateDeclarations, keyed: KeyedStateBackend | undefined): OperatorState {
    return this.#states.operatorState(node, states, keyed)
  }

  exchange(edge: EdgeNode): Receiver {
    return this.#edges.output(edge)
  }

  sinkWriter(node: OperatorNode): ReturnType<ChainHost['sinkWriter']> {
    return this.#connectors.sinkWriter(node, this.#states.restored(node.id))
  }

  #unfinished(chain: Chain, task: Task, id: number): () => readonly UnfinishedInput[] {
    const operator = chain.operators.find((candidate) => candidate.host.node.id === id)
    return operator === undefined ? () => [] : () => task.intake.unfinished(operator)
  }

  #checkpointed(chain: Chain, task: Task): readonly CheckpointedOperator[] {
    const { graph } = this.#options.deployment.plan
    return this.#planned.operators.map((id) => ({
      stateId: graph.operators[id]!.stateId,
      finished: () => task.hasFinished(id),
      unfinished: this.#unfinished(chain, task, id),
      maxParallelism: this.#planned.maxParallelism,
      ...this.#states.of(id),
      commits: this.#connectors.commitsOf(id),
      splits: graph.operators[id]!.kind === 'source' ? (checkpointId) => task.source!.head.splits(checkpointId) : undefined,
    }))
  }
}
