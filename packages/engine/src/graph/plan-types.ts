import type { JobGraph, Partitioning } from './graph.ts'

/** The graph laid out for given parallelisms: which operators run as one chain, and what flows between chains. Plain data. */
export interface ExecutionPlan {
  readonly graph: JobGraph
  readonly fingerprint: string
  /** In topological order. */
  readonly tasks: readonly PlannedTask[]
  readonly exchanges: readonly PlannedExchange[]
}

/** A chain of operators that runs as `parallelism` subtasks. Its first operator is the only one fed by exchanges. */
export interface PlannedTask {
  readonly id: number
  /** The operators' names, joined by ` -> `. */
  readonly name: string
  readonly parallelism: number
  readonly maxParallelism: number
  /** Operator ids in topological order; the head first. */
  readonly operators: readonly number[]
  /** Ids of the edges inside the chain: records pass by direct call. */
  readonly chainedEdges: readonly number[]
  /** Ids of exchanges into the head. */
  readonly inputs: readonly number[]
  /** Ids of exchanges out of any operator of the chain. */
  readonly outputs: readonly number[]
}

/** An edge between two tasks. Subtask i of `from` may write to any subtask of `to` that the partitioning allows. */
export interface PlannedExchange {
  readonly id: number
  readonly edge: number
  /** Task ids. */
  readonly from: number
  readonly to: number
  /** What holds between the two parallelisms. */
  readonly partitioning: Partitioning
}
