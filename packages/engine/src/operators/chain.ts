import type { ErasedProcessFunction, JobFunctions } from '../api/functions.ts'
import type { SinkWriter } from '../connectors/sink.ts'
import type { EdgeNode, OperatorNode, OutputName } from '../graph/graph.ts'
import type { ExecutionPlan, PlannedTask } from '../graph/plan-types.ts'
import type { OperatorStateDeclarations } from '../api/operator-state.ts'
import type { BroadcastState } from '../state/operator/broadcast-state.ts'
import type { OperatorState } from '../state/operator/operator-state.ts'
import type { KeyedStateBackend } from '../state/state-types.ts'
import { FinishedBefore } from './finished-before.ts'
import type { Operator, OperatorHost, OperatorOutputs } from './operator.ts'
import { ProcessOperator } from './process.ts'
import { fanOut, Freezing, nowhere, WatermarkMerge, type ChainCursor, type Receiver } from './receiver.ts'
import { SinkOperator } from './sink.ts'
import { FilterOperator, FlatMapOperator, MapOperator } from './stateless.ts'

/** What an operator of the chain is given besides its functions, by whoever hosts the chain. */
export interface ChainHost {
  readonly cursor: ChainCursor
  /** Development mode: records are frozen when they are emitted. */
  readonly freezes: boolean
  operatorHost(node: OperatorNode, outputs: OperatorOutputs): OperatorHost
  /** State by key of an operator that has any, already restored. */
  keyedState(node: OperatorNode, fn: ErasedProcessFunction): KeyedStateBackend
  /** Whether the operator had finished when the restored checkpoint was taken. */
  finishedBefore(node: OperatorNode): boolean
  broadcastState(node: OperatorNode): BroadcastState
  /** State of the subtask, of an operator that declares any. */
  operatorState(node: OperatorNode, states: OperatorStateDeclarations, keyed: KeyedStateBackend | undefined): OperatorState
  sinkWriter(node: OperatorNode): { readonly writer: SinkWriter<unknown>; readonly restored: readonly unknown[] }
  /** The receiver of an edge that leaves the chain. */
  exchange(edge: EdgeNode): Receiver
}

/**
 * A chain of operators as a value: any host can drive it (a task on a thread, the test harness, the simulator).
 *
 * The host hands records to `input`, watermarks to `watermark`, and looks at `busy` whenever `cursor.interrupted` is set. Operators are in topological order.
 */
export class Chain {
  readonly cursor: ChainCursor
  readonly operators: readonly Operator[]
  /** Where records of the head's two inputs go; a source's records go to both. */
  readonly inputs: readonly [Receiver, Receiver]
  /** Those with keys. */
  readonly keyed: readonly Operator[]
  readonly finishedBefore: FinishedBefore

  constructor(
    cursor: ChainCursor,
    operators: readonly Operator[],
    inputs: readonly [Receiver, Receiver],
    finishedBefore: FinishedBefore = new FinishedBefore(),
  ) {
    this.cursor = cursor
    this.operators = operators
    this.inputs = inputs
    this.finishedBefore = finishedBefore
    this.keyed = operators.filter(({ keyLoad }) => keyLoad !== undefined)
  }

  /** The last or next record that comes to each operator with keys tells its key, for so many records. */
  sampleKeys(records: number): void {
    for (const operator of this.keyed) operator.sampleKey(records)
  }

  watermark(time: number): void {
    this.inputs[0].watermark(time)
  }

  /** Opens the operators, the last first, so that each can emit as soon as it is open. */
  async open(): Promise<void> {
    for (const operator of this.operators.toReversed()) await operator.open()
  }

  /** Whether no further record may be handed in for now. */
  get full(): boolean {
    for (const operator of this.operators) if (operator.full || operator.exclusive) return true
    return false
  }

  /** Whether what is behind an operator keeps it full, or its state does: no calls of its own, which come back by themselves. */
  get pressed(): boolean {
    for (const operator of this.operators) if (operator.full && operator.pending === 0) return true
    return false
  }

  /** Whether a snapshot must wait. */
  get exclusive(): boolean {
    for (const operator of this.operators) if (operator.exclusive) return true
    return false
  }

  /** Whether an operator has stopped in the middle of a watermark. */
  get stopped(): boolean {
    for (const operator of this.operators) if (operator.stopped) return true
    return false
  }

  /**
   * Goes on with a watermark that has stopped half-way, until something asks for a stop again: the one that is furthest down the chain, for what comes of another might meet it there.
   * Answers whether it did: not while an operator behind it has no room for what comes of it.
   */
  goOn(): boolean {
    for (let at = this.operators.length - 1; at >= 0; at--) {
      const operator = this.operators[at]!
      if (operator.stopped) {
        this.cursor.interrupted = false
        operator.goOn()
        if (this.full) this.cursor.interrupted = true
        return true
      }
      if (operator.full || operator.exclusive) return false
    }
    return false
  }

  /** Invocations under way or waiting, in all operators. */
  get pending(): number {
    let pending = 0
    for (const operator of this.operators) pending += operator.pending
    return pending
  }

  /** Applies the effects of promises that have settled. */
  settle(): void {
    for (const operator of this.operators) if (operator.pending > 0) operator.settle()
  }

  /** To be called by whoever has driven the chain, before anything asynchronous has its turn. */
  rest(): void {
    for (const operator of this.operators) operator.rest()
  }

  /** Fires due processing-time timers, a few hundred at most; answers whether more are due. */
  processingTime(nowMs: number): boolean {
    let more = false
    for (const operator of this.operators) {
      const next = operator.nextProcessingTimerMs
      if (next !== undefined && next <= nowMs) more = operator.processingTime(nowMs) || more
    }
    return more
  }

  get nextProcessingTimerMs(): number | undefined {
    let next: number | undefined
    for (const operator of this.operators) {
      const time = operator.nextProcessingTimerMs
      if (time !== undefined && (next === undefined || time < next)) next = time
    }
    return next
  }

  /** Closes all operators, whatever some of them throw; answers what they threw. */
  async close(): Promise<readonly unknown[]> {
    const errors: unknown[] = []
    for (const operator of this.operators) {
      try {
        await operator.close()
      } catch (error) {
        errors.push(error)
      }
    }
    return errors
  }
}

/** Builds the chain of a planned task. Of a task headed by a source, the source itself is not part of the chain: what follows it is. */
export function buildChain(plan: ExecutionPlan, task: PlannedTask, functions: JobFunctions, host: ChainHost): Chain {
  const builder = new ChainBuilder(plan, task, functions, host)
  for (const id of task.operators.toReversed()) builder.add(plan.graph.operators[id]!)
  return builder.finish()
}

class ChainBuilder {
  readonly #plan: ExecutionPlan
  readonly #task: PlannedTask
  readonly #functions: JobFunctions
  readonly #host: ChainHost
  readonly #built: Map<number, Operator> = new Map()
  readonly #merges: Map<string, WatermarkMerge> = new Map()
  readonly #finishedBefore: FinishedBefore
  #sourceOutput: Receiver | undefined

  constructor(plan: ExecutionPlan, task: PlannedTask, functions: JobFunctions, host: ChainHost) {
    this.#plan = plan
    this.#task = task
    this.#functions = functions
    this.#host = host
    this.#finishedBefore = new FinishedBefore(task.operators.filter((id) => host.finishedBefore(plan.graph.operators[id]!)))
  }

  add(node: OperatorNode): void {
    const outputs = this.#outputs(node)
    const functions = this.#functions.operators.get(node.id)
    if (functions === undefined) throw new Error(`operator ${node.id} has no functions`)
    if (functions.kind === 'source') {
      this.#sourceOutput = this.#finishedBefore.watched(node.id, outputs.main)
      return
    }
    const host = this.#host.operatorHost(node, outputs)
    this.#built.set(node.id, this.#operator(node, host))
  }

  finish(): Chain {
    const operators = this.#task.operators.map((id) => this.#built.get(id)).filter((operator) => operator !== undefined)
    const head = operators[0]
    const finished = this.#finishedBefore
    if (this.#sourceOutput !== undefined) return new Chain(this.#host.cursor, operators, [this.#sourceOutput, this.#sourceOutput], finished)
    if (head === undefined) throw new Error(`task ${this.#task.id} has no operators`)
    return new Chain(this.#host.cursor, operators, [finished.input(head, 0), finished.input(head, 1)], finished)
  }

  #operator(node: OperatorNode, host: OperatorHost): Operator {
    const functions = this.#functions.operators.get(node.id)!
    switch (functions.kind) {
      case 'map':
        return new MapOperator(host, functions.fn)
      case 'flat-map':
        return new FlatMapOperator(host, functions.fn)
      case 'filter':
        return new FilterOperator(host, functions.fn)
      case 'sink': {
        const { writer, restored } = this.#host.sinkWriter(node)
        return new SinkOperator(host, writer, restored)
      }
      case 'source':
        throw new Error('a source is not an operator of a chain')
      case 'process':
      case 'keyed-process':
      case 'co-process':
      case 'keyed-co-process':
      case 'broadcast-process':
      case 'keyed-broadcast-process':
        return this.#process(node, functions.fn, host)
    }
  }

  #process(node: OperatorNode, fn: ErasedProcessFunction, host: OperatorHost): ProcessOperator {
    const into = this.#plan.graph.edges.filter((edge) => edge.to === node.id)
    const keyed = node.kind.startsWith('keyed')
    const selector = (input: 0 | 1): ((value: unknown) => unknown) | undefined => {
      const edge = into.find((candidate) => candidate.input === input)
      return keyed && edge !== undefined ? this.#functions.keySelectors.get(edge.id) : undefined
    }
    const broadcast = node.kind.includes('broadcast') ? this.#host.broadcastState(node) : undefined
    const keyedState = keyed ? this.#host.keyedState(node, fn) : undefined
    return new ProcessOperator(host, {
      fn,
      keyed: keyedState,
      keySelectors: [selector(0), selector(1)],
      hashArrives: node.id === this.#task.operators[0],
      operatorState: fn.operatorState === undefined ? undefined : this.#host.operatorState(node, fn.operatorState, keyedState),
      broadcast: broadcast === undefined ? undefined : { reading: broadcast.readonlyHandles, writing: broadcast.handles },
    })
  }

  #outputs(node: OperatorNode): OperatorOutputs {
    const leaving = this.#plan.graph.edges.filter((edge) => edge.from === node.id)
    const receiver = (matches: (output: OutputName) => boolean): Receiver =>
      fanOut(
        leaving.filter((edge) => matches(edge.output)).map((edge) => this.#receiver(edge)),
        this.#host.cursor,
      )
    return {
      main: receiver((output) => output.kind === 'main'),
      sides: new Map(node.sides.map((name) => [name, receiver((output) => output.kind === 'side' && output.name === name)])),
      failures: node.onError === 'side' ? receiver((output) => output.kind === 'failures') : nowhere,
    }
  }

  #receiver(edge: EdgeNode): Receiver {
    const receiver = this.#next(edge)
    return this.#host.freezes ? new Freezing(receiver) : receiver
  }

  #next(edge: EdgeNode): Receiver {
    if (!this.#task.chainedEdges.includes(edge.id)) return this.#host.exchange(edge)
    const next = this.#built.get(edge.to)
    if (next === undefined) throw new Error(`edge ${edge.id} is chained, but operator ${edge.to} is not built`)
    const input = this.#finishedBefore.input(next, edge.input)
    const others = this.#plan.graph.edges.filter((other) => other.to === edge.to && other.input === edge.input)
    return others.length === 1 ? input : this.#merge(edge, input).branch()
  }

  /** Several edges of the chain meet in one input: a watermark passes when all of them have told it. */
  #merge(edge: EdgeNode, input: Receiver): WatermarkMerge {
    const key = `${edge.to}:${edge.input}`
    const merge = this.#merges.get(key) ?? new WatermarkMerge(input)
    this.#merges.set(key, merge)
    return merge
  }
}
