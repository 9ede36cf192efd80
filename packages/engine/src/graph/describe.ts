import { type JobGuarantee, endToEndGuarantee, type GuaranteeOptions } from './guarantee.ts'
import type { OperatorNode, OutputName, Partitioning } from './graph.ts'
import type { ExecutionPlan } from './plan-types.ts'
import { graphWarnings, type GraphWarning } from './warnings.ts'

/** Everything `millrace info` shows of a job, as plain data: its JSON form. */
export interface JobDescription {
  readonly job: string
  readonly fingerprint: string
  readonly params: { readonly [name: string]: string | number | boolean }
  /** Chains, in topological order. */
  readonly tasks: readonly TaskDescription[]
  readonly edges: readonly EdgeDescription[]
  readonly guarantee: JobGuarantee
  readonly warnings: readonly GraphWarning[]
}

/** A chain of operators that run in one task; `parallelism` counts its subtasks, `maxParallelism` its key groups. */
export interface TaskDescription {
  readonly id: number
  readonly name: string
  readonly parallelism: number
  readonly maxParallelism: number
  readonly operators: readonly OperatorDescription[]
}

/** An operator of the graph, with what it keeps and how it treats failures. */
export interface OperatorDescription extends Pick<
  OperatorNode,
  'id' | 'kind' | 'name' | 'stateId' | 'states' | 'sides' | 'onError' | 'source' | 'sink'
> {
  /** Null where the id is derived. */
  readonly uid: string | null
  readonly timers: boolean
}

/** Where records go, by operator ids; `input` is 1 for the second input of a connected or broadcast operator. */
export interface EdgeDescription {
  readonly from: number
  readonly output: OutputName
  readonly to: number
  readonly input: 0 | 1
  /** What holds between the parallelisms of the plan. */
  readonly partitioning: Partitioning
  /** Whether records pass by direct call, within a task. */
  readonly chained: boolean
}

/** Describes a planned job. `warnings`: default: those of its graph. */
export function describeJob(plan: ExecutionPlan, options: GuaranteeOptions, warnings?: readonly GraphWarning[]): JobDescription {
  const { graph, fingerprint } = plan
  const exchanged = new Map(plan.exchanges.map((exchange) => [exchange.edge, exchange.partitioning]))
  return {
    job: graph.name,
    fingerprint,
    params: graph.params,
    tasks: plan.tasks.map(({ id, name, parallelism, maxParallelism, operators }) => ({
      id,
      name,
      parallelism,
      maxParallelism,
      operators: operators.map((operator) => describeOperator(graph.operators[operator]!)),
    })),
    edges: graph.edges.map(({ id, from, output, to, input, partitioning }) => ({
      from,
      output,
      to,
      input,
      partitioning: exchanged.get(id) ?? partitioning,
      chained: !exchanged.has(id),
    })),
    guarantee: endToEndGuarantee(graph, options),
    warnings: warnings ?? graphWarnings(graph, options.storage),
  }
}

function describeOperator({
  id,
  kind,
  name,
  uid,
  stateId,
  states,
  timers,
  sides,
  onError,
  source,
  sink,
}: OperatorNode): OperatorDescription {
  return {
    id,
    kind,
    name,
    uid: uid ?? null,
    stateId,
    states,
    timers: timers === true,
    sides,
    onError,
    ...(source === undefined ? {} : { source }),
    ...(sink === undefined ? {} : { sink }),
  }
}
