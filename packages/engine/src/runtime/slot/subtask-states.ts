/**
 * The state of one subtask's operators: made with its chain, filled from what the deployment restores, handed to its snapshots.
 *
 * 1. Nothing is restored before the whole chain is there.
 * 2. What was in flight is handed in again in the order of the chain, its end first.
 */
import type { ErasedProcessFunction } from '../../api/functions.ts'
import type { OperatorStateDeclarations } from '../../api/operator-state.ts'
import { engineError } from '../../errors.ts'
import type { OperatorNode } from '../../graph/graph.ts'
import { hashKey } from '../../keys/hash.ts'
import { formerGroups, keyGroupOf, keyGroupRange, subtaskOfKeyGroup, type KeyGroupRange } from '../../keys/key-group.ts'
import type { Chain } from '../../operators/chain.ts'
import type { Operator } from '../../operators/operator.ts'
import { BroadcastState } from '../../state/operator/broadcast-state.ts'
import { KeyedState } from '../../state/keyed-state.ts'
import { OperatorState } from '../../state/operator/operator-state.ts'
import { CachedState } from '../../state/rocksdb/cached-state.ts'
import type { KeyedStateBackend, KeyedStateOptions } from '../../state/state-types.ts'
import type { TurnsOptions } from '../../state/turns.ts'
import { decodeAsyncInputs } from '../snapshot/async-inputs.ts'
import { DatabaseSnapshots } from '../snapshot/database-snapshots.ts'
import { ownRecords, readInFlight } from '../snapshot/in-flight.ts'
import { measureState } from '../metrics/metrics-of-state.ts'
import { OperatorSnapshots } from '../snapshot/operator-snapshots.ts'
import { restoreRaw } from '../snapshot/raw-files.ts'
import type { RestoredOperator } from '../deployment/restored.ts'
import { SETTLING_PAUSE_MS, StateCleaning, StateSettling, sweepPauseMs } from '../task/state-cleaning.ts'
import type { SubtaskContext } from './subtask-context.ts'
import type { Task } from '../task/task.ts'
import type { TaskMetricsRegistry } from '../metrics/user-instruments.ts'

/** What of an operator goes into a snapshot. */
export interface StatesOfOperator {
  readonly keyed: OperatorSnapshots | undefined
  readonly broadcast: BroadcastState | undefined
  readonly operatorState: OperatorState | undefined
}

export class SubtaskStates {
  readonly #context: SubtaskContext
  readonly #keyGroups: KeyGroupRange
  readonly #keyed: Map<number, OperatorSnapshots> = new Map()
  readonly #keyedStates: Map<string, KeyedState> = new Map()
  readonly #broadcast: Map<number, BroadcastState> = new Map()
  readonly #operatorStates: Map<number, OperatorState> = new Map()

  constructor(context: SubtaskContext) {
    this.#context = context
    const { parallelism, maxParallelism } = context.planned
    this.#keyGroups = keyGroupRange(context.subtask, parallelism, maxParallelism)
  }

  of(operator: number): StatesOfOperator {
    return {
      keyed: this.#keyed.get(operator),
      broadcast: this.#broadcast.get(operator),
      operatorState: this.#operatorStates.get(operator),
    }
  }

  /** Figures of all state of the chain. */
  measure(metrics: TaskMetricsRegistry): void {
    const { options, planned, subtask } = this.#context
    for (const id of planned.operators) {
      const { name, stateId } = options.deployment.plan.graph.operators[id]!
      const state = this.#keyedStates.get(stateId)
      if (state !== undefined) measureState(state, metrics.ofConnector({ operator: name, stateId, subtask }), options.ports.clock)
    }
  }

  keyedOf(stateId: string): KeyedState | undefined {
    return this.#keyedStates.get(stateId)
  }

  /** Begins to remove what expires, while the slot runs. */
  clean(): void {
    for (const state of this.#keyedStates.values()) {
      const ttlMs = state.shortestTtlMs
      if (ttlMs !== undefined) this.#context.options.slot.repeat(new StateCleaning(state), sweepPauseMs(ttlMs))
      if (state instanceof CachedState) this.#context.options.slot.repeat(new StateSettling(state), SETTLING_PAUSE_MS)
    }
  }

  // ---------- made with the chain

  keyedState(node: OperatorNode, fn: ErasedProcessFunction): KeyedStateBackend {
    const { options, planned } = this.#context
    const { deployment, ports } = options
    const keyed = this.#createKeyedState(node, {
      operator: node.name,
      states: fn.state ?? {},
      clock: ports.clock,
      maxParallelism: planned.maxParallelism,
      keyGroups: this.#keyGroups,
      freeze: deployment.settings.development,
      allowNonRestored: deployment.allowNonRestoredState,
      compression: deployment.settings.compression,
    })
    this.#keyedStates.set(node.stateId, keyed)
    const backend = ports.keyedState?.(keyed) ?? keyed
    this.#keyed.set(node.id, new OperatorSnapshots(backend, ports.pace?.snapshotRows, this.#databaseOf(node, keyed)))
    return backend
  }

  #databaseOf(node: OperatorNode, state: KeyedState): DatabaseSnapshots | undefined {
    const { cache } = this.#context
    if (cache === undefined || !(state instanceof CachedState)) return undefined
    const name = this.#storeName(node)
    return new DatabaseSnapshots({ state, stores: cache.stores, name, keyGroups: this.#keyGroups, turns: this.#turns })
  }

  /** Of a restore. */
  get #turns(): TurnsOptions {
    const { ports, signal } = this.#context.options
    return { clock: ports.clock, signal, rowsMax: ports.pace?.snapshotRows }
  }

  #storeName(node: OperatorNode): string {
    return `${this.#context.planned.id}-${this.#context.subtask}-${node.id}`
  }

  #createKeyedState(node: OperatorNode, options: KeyedStateOptions): KeyedState {
    const { cache } = this.#context
    if (cache === undefined) return new KeyedState(options)
    const { stores, cacheBytes } = cache
    return new CachedState(options, { cacheBytes, open: () => stores.create(this.#storeName(node)) })
  }

  broadcastState(node: OperatorNode): BroadcastState {
    const functions = this.#context.options.ports.functions.operators.get(node.id)
    const states = functions !== undefined && 'broadcast' in functions ? functions.broadcast : {}
    const { settings, allowNonRestoredState } = this.#context.options.deployment
    const options = { freeze: settings.development, allowNonRestored: allowNonRestoredState }
    const state = new BroadcastState({ operator: node.name, states, ...options })
    this.#broadcast.set(node.id, state)
    return state
  }

  operatorState(node: OperatorNode, states: OperatorStateDeclarations, keyed: KeyedStateBackend | undefined): OperatorState {
    const { options, planned } = this.#context
    const { settings, allowNonRestoredState } = options.deployment
    const state = new OperatorState({
      operator: node.name,
      states,
      keyGroups: this.#keyGroups,
      currentGroup: () => {
        const key = keyed?.key
        return key === undefined ? undefined : keyGroupOf(hashKey(key), planned.maxParallelism)
      },
      freeze: settings.development,
      allowNonRestored: allowNonRestoredState,
    })
    this.#operatorStates.set(node.id, state)
    return state
  }

  // ---------- restored

  restored(operator: number): RestoredOperator | undefined {
    return this.#context.options.deployment.restored.find((each) => each.operator === operator && each.subtask === this.#context.subtask)
  }

  /** Rejects where the slot is given up meanwhile. */
  async restore(chain: Chain, task: Task): Promise<void> {
    const { options, planned } = this.#context
    const { deployment, ports } = options
    const { maxParallelism } = planned
    let replays = false
    // The last first: what an operator had in flight comes before what those before it in the chain make of theirs.
    for (const id of planned.operators.toReversed()) {
      const restored = this.restored(id)
      if (restored === undefined) continue
      const { maxParallelism: stored } = restored
      const former =
        stored === maxParallelism ? undefined : { maxParallelism: stored, groups: formerGroups(this.#keyGroups, maxParallelism, stored) }
      const operatorName = deployment.plan.graph.operators[id]!.name
      await this.#keyed
        .get(id)
        ?.restoreDatabases(ports.storage, restored.databases, deployment.restoredCheckpointId, former !== undefined, operatorName)
      const scope = { range: this.#keyGroups, checkpointId: deployment.restoredCheckpointId, former, turns: this.#turns }
      await this.#keyed.get(id)?.restore(ports.storage, restored.keyed, scope)
      await this.#restoreOperatorState(id, restored)
      if (restored.broadcast !== undefined) this.#broadcast.get(id)?.restore(restored.broadcast)
      const operator = chain.operators.find((candidate) => candidate.host.node.id === id)
      if (operator === undefined) continue
      const inputs = decodeAsyncInputs(restored.asyncInputs)
      if (inputs.length > 0) chain.finishedBefore.reopen(id)
      if (replays && inputs.length > 0) task.intake.replay({ kind: 'unfinished', operator, inputs })
      else task.intake.resumeAfterOpen(() => operator.resume(inputs))
      if (restored.inFlight.length > 0) replays = true
      await this.#restoreInFlight(chain, operator, restored, task)
    }
  }

  async #restoreInFlight(chain: Chain, operator: Operator, { operator: id, inFlight }: RestoredOperator, task: Task): Promise<void> {
    const { options, planned, subtask } = this.#context
    const { maxParallelism, parallelism } = planned
    const isOwn = (hash: number): boolean => subtaskOfKeyGroup(keyGroupOf(hash, maxParallelism), maxParallelism, parallelism) === subtask
    const label = 'the restored checkpoint'
    for (const file of inFlight) {
      for (const { input, batch } of await readInFlight(options.ports.storage, file)) {
        const own = ownRecords(batch, isOwn)
        const origin = { channel: undefined, label, operator: planned.operators.indexOf(id), input }
        if (own !== undefined)
          task.intake.replay({ kind: 'batch', batch: own, origin, receiver: chain.finishedBefore.input(operator, input) })
      }
    }
  }

  async #restoreOperatorState(id: number, { lists, unions, raw }: RestoredOperator): Promise<void> {
    const { deployment, ports } = this.#context.options
    const state = this.#operatorStates.get(id)
    if (state !== undefined) {
      state.restore(lists, unions)
      await restoreRaw(ports.storage, raw, state)
      return
    }
    const lost = lists[0]?.name ?? raw[0]?.parts[0]?.state
    if (lost === undefined || deployment.allowNonRestoredState) return
    throw engineError('STATE_UNMAPPED', { operator: deployment.plan.graph.operators[id]!.name, state: lost })
  }
}
