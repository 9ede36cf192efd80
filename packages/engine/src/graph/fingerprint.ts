import { createHash } from 'node:crypto'
import type { JobGraph } from './graph.ts'
import { outputKey } from './state-id.ts'

/**
 * A hash of the structure of a graph: operators, states, edges and their settings, under the job's name. Equal for every build of the same job
 * with the same parameters; parameters and settings themselves are not in it, nor are user functions.
 */
export function fingerprint(graph: JobGraph): string {
  const operators = graph.operators.map((operator) => [
    operator.id,
    operator.kind,
    operator.name,
    operator.stateId,
    operator.parallelism ?? 0,
    operator.maxParallelism ?? 0,
    operator.chaining,
    operator.states.map((state) => [state.name, state.kind, state.version]),
    operator.timers === true,
    operator.sides,
    operator.onError,
    operator.source === undefined ? [] : [operator.source.connector, operator.source.replayable, operator.source.bounded],
    operator.sink === undefined ? [] : [operator.sink.connector, operator.sink.delivery],
  ])
  const edges = graph.edges.map((edge) => [
    edge.id,
    edge.from,
    outputKey(edge.output),
    edge.to,
    edge.input,
    edge.partitioning,
    edge.chosen === true,
  ])
  return createHash('sha256')
    .update(JSON.stringify([graph.formatVersion, graph.name, operators, edges]))
    .digest('hex')
}
