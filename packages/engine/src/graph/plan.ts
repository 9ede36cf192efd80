import { engineError } from '../errors.ts'
import { fingerprint } from './fingerprint.ts'
import { deepFreeze } from './freeze.ts'
import type { EdgeNode, JobGraph, OperatorNode, Partitioning } from './graph.ts'
import { defaultMaxParallelism } from './max-parallelism.ts'
import type { ExecutionPlan, PlannedExchange, PlannedTask } from './plan-types.ts'

/** What a graph leaves open about its layout in tasks. */
export interface PlanOptions {
  /** Subtasks of every operator that does not set its own. */
  readonly parallelism: number
  /** Key groups of every operator that does not set its own; default: from its parallelism. */
  readonly maxParallelism?: number | undefined
  /** False: every operator is a task of its own. Default true. */
  readonly chaining?: boolean | undefined
  /** True: an edge that is not forward stays an exchange between single subtasks too, as it would be at a higher parallelism. Default false. */
  readonly encodeAll?: boolean | undefined
  /** True: records come to keyed operators in batches, also where they could by direct calls: whoever looks up what they need ahead has to see them. Default false. */
  readonly batchKeyed?: boolean | undefined
}

/** An operator with what the options leave it. */
interface Sized {
  readonly node: OperatorNode
  readonly parallelism: number
  /** Undefined where nothing depends on it. */
  readonly keyGroups: number | undefined
  /** In the order of the inputs. */
  readonly inputs: readonly EdgeNode[]
}

/** A chain under construction. */
interface Chain {
  readonly parallelism: number
  keyGroups: number | undefined
  readonly operators: number[]
  readonly edges: number[]
}

/**
 * Lays a graph out: which operators run as one chain, and what flows between chains. Deterministic.
 *
 * An operator joins the chain before it if it has one input, all edges into it come from that chain, and each could be a direct call:
 * equal parallelism, key groups that do not contradict, forward or between single subtasks, and neither end asks to be apart.
 *
 * @throws ARGUMENT_INVALID, PARALLELISM_ABOVE_MAX, FORWARD_PARALLELISM
 */
export function planJob(graph: JobGraph, options: PlanOptions): ExecutionPlan {
  checkParallelism('parallelism', options.parallelism)
  if (options.maxParallelism !== undefined) checkParallelism('maxParallelism', options.maxParallelism)
  const sized = graph.operators.map((node) => sizeOperator(graph, node, options))
  const partitionings = graph.edges.map((edge) => effectivePartitioning(edge, sized))
  const chains = formChains(sized, partitionings, options)
  return deepFreeze({ graph, fingerprint: fingerprint(graph), ...layOut(graph, chains, partitionings, options) })
}

function checkParallelism(argument: string, value: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= 32_768) return
  throw engineError('ARGUMENT_INVALID', { call: 'planJob', argument, expected: 'a whole number from 1 to 32768', value })
}

/** Whether state or records of the operator are divided by key groups. */
export function isKeyed(node: OperatorNode): boolean {
  return node.kind.startsWith('keyed-')
}

function sizeOperator(graph: JobGraph, node: OperatorNode, options: PlanOptions): Sized {
  const parallelism = node.parallelism ?? options.parallelism
  const asked = node.maxParallelism ?? (isKeyed(node) ? options.maxParallelism : undefined)
  const keyGroups = asked ?? (isKeyed(node) ? defaultMaxParallelism(parallelism) : undefined)
  const bound = keyGroups ?? options.maxParallelism
  if (bound !== undefined && parallelism > bound) {
    throw engineError('PARALLELISM_ABOVE_MAX', { operator: `"${node.name}"`, parallelism, maxParallelism: bound })
  }
  return { node, parallelism, keyGroups, inputs: graph.edges.filter((edge) => edge.to === node.id) }
}

function effectivePartitioning(edge: EdgeNode, sized: readonly Sized[]): Partitioning {
  const [from, to] = [sized[edge.from]!, sized[edge.to]!]
  if (edge.partitioning !== 'forward' || from.parallelism === to.parallelism) return edge.partitioning
  if (edge.chosen !== true) return 'rebalance'
  throw engineError('FORWARD_PARALLELISM', {
    from: `"${from.node.name}"`,
    fromParallelism: from.parallelism,
    to: `"${to.node.name}"`,
    toParallelism: to.parallelism,
  })
}

function formChains(sized: readonly Sized[], partitionings: readonly Partitioning[], options: PlanOptions): readonly Chain[] {
  const chains: Chain[] = []
  const chainOf: Chain[] = []
  for (const operator of sized) {
    const { parallelism, keyGroups, inputs, node } = operator
    const before = joinable(operator, sized, chainOf, partitionings, options)
    const chain = before ?? { parallelism, keyGroups, operators: [], edges: [] }
    if (before === undefined) chains.push(chain)
    else chain.edges.push(...inputs.map((edge) => edge.id))
    chain.operators.push(node.id)
    chain.keyGroups ??= keyGroups
    chainOf[node.id] = chain
  }
  return chains
}

/** The chain that an operator joins, or undefined if it heads one of its own. */
function joinable(
  { node, parallelism, keyGroups, inputs }: Sized,
  sized: readonly Sized[],
  chainOf: readonly Chain[],
  partitionings: readonly Partitioning[],
  { chaining = true, encodeAll = false, batchKeyed = false }: PlanOptions,
): Chain | undefined {
  const chain = inputs[0] === undefined ? undefined : chainOf[inputs[0].from]
  if (!chaining || chain === undefined || node.chaining !== 'always' || takesTwoInputs(node)) return undefined
  if (chain.parallelism !== parallelism) return undefined
  if (chain.keyGroups !== undefined && keyGroups !== undefined && chain.keyGroups !== keyGroups) return undefined
  // A function of the user's is asked at every parallelism: what it counts or throws does not depend on how many there are.
  const isChoiceless = (edge: EdgeNode): boolean => parallelism === 1 && partitionings[edge.id] !== 'custom'
  const direct = (edge: EdgeNode): boolean =>
    chainOf[edge.from] === chain &&
    sized[edge.from]!.node.chaining !== 'never' &&
    (partitionings[edge.id] === 'forward' || (isChoiceless(edge) && !encodeAll && !(batchKeyed && isKeyed(node))))
  return inputs.every(direct) ? chain : undefined
}

function takesTwoInputs({ kind }: OperatorNode): boolean {
  return kind.endsWith('co-process') || kind.endsWith('broadcast-process')
}

function layOut(
  graph: JobGraph,
  chains: readonly Chain[],
  partitionings: readonly Partitioning[],
  options: PlanOptions,
): Pick<ExecutionPlan, 'tasks' | 'exchanges'> {
  const taskOf = new Map(chains.flatMap((chain, task) => chain.operators.map((operator) => [operator, task] as const)))
  const chained = new Set(chains.flatMap((chain) => chain.edges))
  const exchanges: PlannedExchange[] = graph.edges
    .filter((edge) => !chained.has(edge.id))
    .map((edge, id) => ({
      id,
      edge: edge.id,
      from: taskOf.get(edge.from)!,
      to: taskOf.get(edge.to)!,
      partitioning: partitionings[edge.id]!,
    }))
  const tasks: PlannedTask[] = chains.map((chain, id) => ({
    id,
    name: chain.operators.map((operator) => graph.operators[operator]!.name).join(' -> '),
    parallelism: chain.parallelism,
    maxParallelism: chain.keyGroups ?? options.maxParallelism ?? defaultMaxParallelism(chain.parallelism),
    operators: chain.operators,
    chainedEdges: chain.edges,
    inputs: exchanges.filter((exchange) => exchange.to === id).map((exchange) => exchange.id),
    outputs: exchanges.filter((exchange) => exchange.from === id).map((exchange) => exchange.id),
  }))
  return { tasks, exchanges }
}
