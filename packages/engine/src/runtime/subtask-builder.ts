/**
 * Builds the subtasks of a slot: channels, chains with restored state, gates or source readers, and what takes their snapshots.
 */
import type { LogRecord, MetricSnapshot } from '@millrace/core'
import type { ErasedProcessFunction } from '../api/functions.ts'
import type { OperatorStateDeclarations } from '../api/operator-state.ts'
import type { CoordinatorMessage } from '../checkpoint/coordinator-events.ts'
import type { ConnectorNotice } from '../connectors/source.ts'
import type { EdgeNode, OperatorNode } from '../graph/graph.ts'
import type { PlannedTask } from '../graph/plan-types.ts'
import { hashKey } from '../keys/hash.ts'
import { formerGroups, keyGroupOf, keyGroupRange, subtaskOfKeyGroup } from '../keys/key-group.ts'
import { buildChain, type Chain, type ChainHost } from '../operators/chain.ts'
import { operatorFailed, type Operator, type OperatorHost, type UnfinishedInput, type OperatorOutputs } from '../operators/operator.ts'
import { ChainCursor, type Receiver } from '../operators/receiver.ts'
import { engineError } from '../errors.ts'
import { BroadcastState } from '../state/broadcast-state.ts'
import { KeyedState } from '../state/keyed-state.ts'
import { OperatorState } from '../state/operator-state.ts'
import { CachedState } from '../state/rocksdb/cached-state.ts'
import type { OrderedStores } from '../state/rocksdb/ordered-store.ts'
import type { KeyedStateBackend, KeyedStateOptions } from '../state/state-types.ts'
import { DatabaseSnapshots } from './database-snapshots.ts'
import { decodeAsyncInputs } from './async-inputs.ts'
import { canBeOvertaken, channelsOf, receiversOf, type ChannelPlace, type Deployment } from './deployment.ts'
import { BroadcastExchangeOutput, KeyedExchangeOutput, PlainExchangeOutput, type ExchangeOutput } from './exchange-output.ts'
import type { GateChannel } from './input-gate.ts'
import type { OperatorInstance } from './messages.ts'
import { OperatorSnapshots } from './operator-snapshots.ts'
import { createPartitioner } from '../exchange/partitioner.ts'
import { ownRecords, readInFlight } from './in-flight.ts'
import { restoreRaw } from './raw-files.ts'
import type { RestoredOperator } from './restored.ts'
import { SinkCommits } from './sink-commits.ts'
import type { Slot } from './slot.ts'
import type { SlotPorts } from './slot-ports.ts'
import { SourceHead } from './source-head.ts'
import { SourceLimit } from './source-limit.ts'
import { SETTLING_PAUSE_MS, StateCleaning, StateSettling, sweepPauseMs } from './state-cleaning.ts'
import { SubtaskSnapshots, type SnapshotParts } from './subtask-snapshots.ts'
import { Task } from './task.ts'
import { TaskTimes } from './task-times.ts'
import { taskLog, TaskMetricsRegistry } from './user-instruments.ts'

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

export interface SubtaskBuilderOptions {
  readonly deployment: Deployment
  readonly ports: SlotPorts
  readonly slot: Slot
  readonly signal: AbortSignal
  readonly acknowledge: (message: CoordinatorMessage) => void
  readonly log: (record: LogRecord) => void
  readonly failed: (error: unknown) => void
}

export class SubtaskBuilder {
  readonly #options: SubtaskBuilderOptions

  constructor(options: SubtaskBuilderOptions) {
    this.#options = options
  }

  async build(subtasks: readonly { readonly task: PlannedTask; readonly subtask: number }[]): Promise<readonly BuiltSubtask[]> {
    const built: BuiltSubtask[] = []
    const cache = await this.#openCache(subtasks.map(({ task }) => task))
    for (const { task, subtask } of subtasks) built.push(await new OneSubtask(this.#options, task, subtask, cache).build())
    return built
  }

  /** The stores of the slot, and the share of its cache that each operator with keyed state gets. */
  async #openCache(tasks: readonly PlannedTask[]): Promise<SlotCache | undefined> {
    const { deployment, ports } = this.#options
    if (ports.stateBackend === undefined) return undefined
    const { operators } = deployment.plan.graph
    const keyed = tasks.flatMap((task) => task.operators.filter((id) => operators[id]!.kind.startsWith('keyed')))
    const stores = await ports.stateBackend.open(deployment.attempt)
    return { stores, cacheBytes: Math.floor(ports.stateBackend.cacheBytes / Math.max(1, keyed.length)) }
  }
}

interface SlotCache {
  readonly stores: OrderedStores
  readonly cacheBytes: number
}

/** The construction of one subtask. */
class OneSubtask implements ChainHost {
  readonly cursor: ChainCursor = new ChainCursor()
  readonly freezes: boolean
  readonly #options: SubtaskBuilderOptions
  readonly #planned: PlannedTask
  readonly #subtask: number
  readonly #cache: SlotCache | undefined
  readonly #outputs: ExchangeOutput[] = []
  readonly #keyed: Map<number, OperatorSnapshots> = new Map()
  readonly #keyedStates: Map<string, KeyedState> = new Map()
  readonly #broadcast: Map<number, BroadcastState> = new Map()
  readonly #operatorStates: Map<number, OperatorState> = new Map()
  readonly #commits: Map<number, SinkCommits> = new Map()
  readonly #metrics: TaskMetricsRegistry = new TaskMetricsRegistry()
  #task: Task | undefined

  constructor(options: SubtaskBuilderOptions, planned: PlannedTask, subtask: number, cache: SlotCache | undefined) {
    this.#options = options
    this.#cache = cache
    this.freezes = options.deployment.settings.development
    this.#planned = planned
    this.#subtask = subtask
  }

  async build(): Promise<BuiltSubtask> {
    const { deployment, ports, slot } = this.#options
    const { plan, attempt } = deployment
    const chain = buildChain(plan, this.#planned, ports.functions, this)
    const place = { task: this.#planned.id, subtask: this.#subtask }
    const finishedBefore = deployment.finished.some((each) => each.task === place.task && each.subtask === place.subtask)
    const parts = {
      ...place,
      name: this.#planned.name,
      chain,
      outputs: this.#outputs,
      clock: ports.clock,
      times: new TaskTimes(ports.clock.monotonic()),
      finishedBefore,
      unaligned: deployment.settings.unaligned,
      sliceRecords: ports.pace?.sliceRecords,
    }
    const task: Task = new Task(parts, {
      snapshot: (order) => {
        // A barrier from another thread may overtake the master's message about the checkpoint before it: what is built on must be what the master thinks it is.
        snapshots.knownComplete(order.completedId)
        snapshots.take(order, { ms: task.alignmentMs, bytes: task.alignmentBytes })
      },
      snapshotGivenUp: (checkpointId) => snapshots.aborted(checkpointId),
      declined: ({ checkpointId, reason }) => snapshots.decline(checkpointId, reason),
      inputFinished: () => this.#options.acknowledge({ kind: 'input-finished', attempt, subtask: place }),
      failed: this.#options.failed,
      wake: slot.wake,
    })
    this.#task = task
    const reader = this.#addInput(task, chain)
    const snapshots = new SubtaskSnapshots({
      identity: { attempt, ...place },
      operators: this.#snapshotParts(chain, task),
      storage: ports.storage,
      disk: ports.disk,
      clock: ports.clock,
      slot,
      asynchronous: deployment.settings.asynchronousSnapshots,
      finished: () => task.finished,
      readerCompleted: (checkpointId) => task.source?.reader.checkpointComplete?.(checkpointId),
      acknowledge: this.#options.acknowledge,
      failed: (error) => task.fail(error),
    })
    await this.#restore(chain)
    return {
      task,
      snapshots,
      reader,
      metrics: () => this.#metrics.snapshot(),
      keyed: (stateId) => this.#keyedStates.get(stateId),
      clean: () => this.#clean(),
    }
  }

  #clean(): void {
    for (const state of this.#keyedStates.values()) {
      const ttlMs = state.shortestTtlMs
      if (ttlMs !== undefined) this.#options.slot.repeat(new StateCleaning(state), sweepPauseMs(ttlMs))
      if (state instanceof CachedState) this.#options.slot.repeat(new StateSettling(state), SETTLING_PAUSE_MS)
    }
  }

  // ---------- inputs

  #addInput(task: Task, chain: Chain): OperatorInstance | undefined {
    const { deployment, ports } = this.#options
    const head = this.#planned.operators[0]!
    const functions = ports.functions.operators.get(head)
    if (functions?.kind !== 'source') {
      task.readFrom(this.#channels(), deployment.settings.mode, deployment.restoredCheckpointId)
      return undefined
    }
    const { clock, disk, network, random } = ports
    const context = {
      subtask: this.#subtask,
      parallelism: this.#planned.parallelism,
      clock,
      disk,
      network,
      random,
      wake: () => task.wake(),
      fail: (error: unknown) => task.fail(error),
      report: (notice: ConnectorNotice) => this.#report(deployment.plan.graph.operators[head]!.name, notice),
      metrics: this.#metrics.ofConnector({ operator: deployment.plan.graph.operators[head]!.name, subtask: this.#subtask }),
    }
    const source = new SourceHead(
      deployment.plan.graph.operators[head]!.name,
      functions.source.createReader(context),
      chain,
      functions.watermarks,
      clock,
      {
        watermark: (time) => chain.watermark(time),
        idle: () => task.idle(),
        active: () => task.active(),
      },
    )
    const { maxRecordsPerSecond: perSecond } = deployment.settings
    source.limit = new SourceLimit({ clock, perSecond, subtasks: this.#planned.parallelism, wake: () => task.wake() })
    task.readSource(source)
    return { operator: head, subtask: this.#subtask }
  }

  #channels(): readonly GateChannel[] {
    const { deployment, ports, slot } = this.#options
    const { plan } = deployment
    return this.#planned.inputs.flatMap((id) => {
      const exchange = plan.exchanges[id]!
      return channelsOf(plan, exchange)
        .filter((place) => place.to === this.#subtask)
        .map((place) => ({
          channel: ports.channels.input(place, slot.wake),
          input: place.edge.input,
          label: `${plan.tasks[exchange.from]!.name}[${place.from}]`,
          alignedOnly: !canBeOvertaken(exchange.partitioning),
        }))
    })
  }

  // ---------- ChainHost

  operatorHost(node: OperatorNode, outputs: OperatorOutputs): OperatorHost {
    const { deployment, ports, slot, signal } = this.#options
    const labels = { operator: node.name, subtask: this.#subtask }
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
    const { maxParallelism, parallelism } = this.#planned
    const keyed = this.#createKeyedState(node, {
      operator: node.name,
      states: fn.state ?? {},
      clock: this.#options.ports.clock,
      maxParallelism,
      keyGroups: keyGroupRange(this.#subtask, parallelism, maxParallelism),
      freeze: this.#options.deployment.settings.development,
      allowNonRestored: this.#options.deployment.allowNonRestoredState,
    })
    this.#keyedStates.set(node.stateId, keyed)
    const backend = this.#options.ports.keyedState?.(keyed) ?? keyed
    this.#keyed.set(node.id, new OperatorSnapshots(backend, this.#options.ports.pace?.snapshotRows, this.#databaseOf(node, keyed)))
    return backend
  }

  #databaseOf(node: OperatorNode, state: KeyedState): DatabaseSnapshots | undefined {
    if (this.#cache === undefined || !(state instanceof CachedState)) return undefined
    const { maxParallelism, parallelism } = this.#planned
    const keyGroups = keyGroupRange(this.#subtask, parallelism, maxParallelism)
    return new DatabaseSnapshots({ state, stores: this.#cache.stores, name: this.#storeName(node), keyGroups })
  }

  #storeName(node: OperatorNode): string {
    return `${this.#planned.id}-${this.#subtask}-${node.id}`
  }

  #createKeyedState(node: OperatorNode, options: KeyedStateOptions): KeyedState {
    if (this.#cache === undefined) return new KeyedState(options)
    const { stores, cacheBytes } = this.#cache
    return new CachedState(options, { cacheBytes, open: () => stores.create(this.#storeName(node)) })
  }

  broadcastState(node: OperatorNode): BroadcastState {
    const functions = this.#options.ports.functions.operators.get(node.id)
    const states = functions !== undefined && 'broadcast' in functions ? functions.broadcast : {}
    const state = new BroadcastState({ operator: node.name, states, freeze: this.#options.deployment.settings.development })
    this.#broadcast.set(node.id, state)
    return state
  }

  operatorState(node: OperatorNode, states: OperatorStateDeclarations, keyed: KeyedStateBackend | undefined): OperatorState {
    const { maxParallelism, parallelism } = this.#planned
    const { settings, allowNonRestoredState } = this.#options.deployment
    const state = new OperatorState({
      operator: node.name,
      states,
      keyGroups: keyGroupRange(this.#subtask, parallelism, maxParallelism),
      currentGroup: () => keyGroupOf(hashKey(keyed!.key), maxParallelism),
      freeze: settings.development,
      allowNonRestored: allowNonRestoredState,
    })
    this.#operatorStates.set(node.id, state)
    return state
  }

  sinkWriter(node: OperatorNode): ReturnType<ChainHost['sinkWriter']> {
    const { deployment, ports } = this.#options
    const functions = ports.functions.operators.get(node.id)
    if (functions?.kind !== 'sink') throw new Error(`operator ${node.id} is no sink`)
    const { clock, disk, network, random } = ports
    const writer = functions.sink.createWriter({
      subtask: this.#subtask,
      parallelism: this.#planned.parallelism,
      jobName: deployment.jobName,
      stateId: node.stateId,
      attempt: deployment.attempt,
      clock,
      disk,
      network,
      random,
      restoring: deployment.restoring,
      checkpoints: deployment.settings.checkpoints,
      wake: () => this.#task?.wake(),
      fail: (error) => this.#task?.fail(error),
      report: (notice) => this.#report(node.name, notice),
    })
    this.#commits.set(node.id, new SinkCommits(writer, clock, (error) => this.#task?.fail(error)))
    return { writer, restored: this.#restored(node.id)?.sinkHandles ?? [] }
  }

  exchange(edge: EdgeNode): Receiver {
    const output = this.#exchangeOutput(edge)
    this.#outputs.push(output)
    return output
  }

  #exchangeOutput(edge: EdgeNode): ExchangeOutput {
    const { deployment, ports, slot } = this.#options
    const { plan } = deployment
    const exchange = plan.exchanges.find((candidate) => candidate.edge === edge.id)!
    const receivers = plan.tasks[exchange.to]!
    const { partitioning } = exchange
    const targets = receiversOf(partitioning, this.#subtask, this.#planned.parallelism, receivers.parallelism)
    const channels = targets.map((to) =>
      ports.channels.output({ exchange, edge, from: this.#subtask, to } satisfies ChannelPlace, slot.wake),
    )
    const failed = (error: unknown, value: unknown): Error => this.#edgeFailed(edge, error, value)
    if (partitioning === 'broadcast') return new BroadcastExchangeOutput(channels, this.cursor, failed)
    const partitioner = createPartitioner({
      partitioning,
      subtask: this.#subtask,
      parallelism: this.#planned.parallelism,
      channels: channels.length,
      maxParallelism: receivers.maxParallelism,
      custom: ports.functions.partitioners.get(edge.id),
      random: ports.random,
    })
    if (partitioning !== 'hash') return new PlainExchangeOutput(channels, this.cursor, partitioner, failed)
    return new KeyedExchangeOutput(channels, this.cursor, ports.functions.keySelectors.get(edge.id)!, partitioner, failed)
  }

  #edgeFailed(edge: EdgeNode, error: unknown, value: unknown): Error {
    const node = this.#options.deployment.plan.graph.operators[edge.from]!
    const host = { node, subtask: this.#subtask, cursor: this.cursor, position: () => this.#task?.position() } as OperatorHost
    return operatorFailed(host, `sending to '${this.#options.deployment.plan.graph.operators[edge.to]!.name}'`, error, value)
  }

  #report(operator: string, { code, message }: ConnectorNotice): void {
    this.#metrics.of({ operator, subtask: this.#subtask }).counter(`notices_${code.toLowerCase()}`).add()
    this.#options.log({
      timeMs: this.#options.ports.clock.now(),
      level: 'warn',
      message,
      fields: { code, operator, subtask: this.#subtask },
    })
  }

  // ---------- state

  #restored(operator: number): RestoredOperator | undefined {
    return this.#options.deployment.restored.find((each) => each.operator === operator && each.subtask === this.#subtask)
  }

  async #restore(chain: Chain): Promise<void> {
    const { deployment, ports } = this.#options
    const { maxParallelism, parallelism } = this.#planned
    let replays = false
    // The last first: what an operator had in flight comes before what those before it in the chain make of theirs.
    for (const id of this.#planned.operators.toReversed()) {
      const restored = this.#restored(id)
      if (restored === undefined) continue
      const range = keyGroupRange(this.#subtask, parallelism, maxParallelism)
      const { maxParallelism: stored } = restored
      const former = stored === maxParallelism ? undefined : { maxParallelism: stored, groups: formerGroups(range, maxParallelism, stored) }
      const operatorName = deployment.plan.graph.operators[id]!.name
      await this.#keyed
        .get(id)
        ?.restoreDatabases(ports.storage, restored.databases, deployment.restoredCheckpointId, former !== undefined, operatorName)
      await this.#keyed.get(id)?.restore(ports.storage, restored.keyed, range, deployment.restoredCheckpointId, former)
      await this.#restoreOperatorState(id, restored)
      if (restored.broadcast !== undefined) this.#broadcast.get(id)?.restore(restored.broadcast)
      const operator = chain.operators.find((candidate) => candidate.host.node.id === id)
      if (operator === undefined) continue
      const inputs = decodeAsyncInputs(restored.asyncInputs)
      if (replays && inputs.length > 0) this.#task!.replay({ kind: 'unfinished', operator, inputs })
      else this.#task!.resumeAfterOpen(() => operator.resume(inputs))
      if (restored.inFlight.length > 0) replays = true
      await this.#restoreInFlight(operator, restored)
    }
  }

  async #restoreInFlight(operator: Operator, { operator: id, inFlight }: RestoredOperator): Promise<void> {
    const { maxParallelism, parallelism } = this.#planned
    const isOwn = (hash: number): boolean =>
      subtaskOfKeyGroup(keyGroupOf(hash, maxParallelism), maxParallelism, parallelism) === this.#subtask
    const label = 'the restored checkpoint'
    for (const file of inFlight) {
      for (const { input, batch } of await readInFlight(this.#options.ports.storage, file)) {
        const own = ownRecords(batch, isOwn)
        const origin = { channel: undefined, label, operator: this.#planned.operators.indexOf(id), input }
        if (own !== undefined) this.#task!.replay({ kind: 'batch', batch: own, origin, receiver: operator.input(input) })
      }
    }
  }

  async #restoreOperatorState(id: number, { lists, unions, raw }: RestoredOperator): Promise<void> {
    const state = this.#operatorStates.get(id)
    if (state !== undefined) {
      state.restore(lists, unions)
      await restoreRaw(this.#options.ports.storage, raw, state)
      return
    }
    const lost = lists[0]?.name ?? raw[0]?.parts[0]?.state
    if (lost === undefined || this.#options.deployment.allowNonRestoredState) return
    throw engineError('STATE_UNMAPPED', { operator: this.#options.deployment.plan.graph.operators[id]!.name, state: lost })
  }

  #unfinished(chain: Chain, task: Task, id: number): () => readonly UnfinishedInput[] {
    const operator = chain.operators.find((candidate) => candidate.host.node.id === id)
    return operator === undefined ? () => [] : () => task.unfinished(operator)
  }

  #snapshotParts(chain: Chain, task: Task): readonly SnapshotParts[] {
    const { graph } = this.#options.deployment.plan
    return this.#planned.operators.map((id) => ({
      stateId: graph.operators[id]!.stateId,
      unfinished: this.#unfinished(chain, task, id),
      maxParallelism: this.#planned.maxParallelism,
      keyed: this.#keyed.get(id),
      broadcast: this.#broadcast.get(id),
      operatorState: this.#operatorStates.get(id),
      commits: this.#commits.get(id),
      splits: graph.operators[id]!.kind === 'source' ? (checkpointId) => task.source!.splits(checkpointId) : undefined,
    }))
  }
}
