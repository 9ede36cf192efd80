import { createHash } from 'node:crypto'
import type { EdgeNode, OperatorNode, OutputName } from './graph.ts'

/**
 * What the state of each operator is stored under: its uid, or `auto-` and a hash of its place in the graph.
 *
 * The place is kind, name, and for each input the id of its operator, the output and the partitioning. A uid ends the chain: what is
 * before an operator with a uid does not change the ids after it. Operators in equal places are told apart by their order.
 */
export function stateIds(operators: readonly Omit<OperatorNode, 'stateId'>[], edges: readonly EdgeNode[]): readonly string[] {
  const ids: string[] = []
  const seen = new Map<string, number>()
  for (const operator of operators) {
    const inputs = edges
      .filter((edge) => edge.to === operator.id)
      .map((edge) => [edge.input, ids[edge.from], outputKey(edge.output), edge.partitioning])
    const place = JSON.stringify([operator.kind, operator.name, inputs])
    const order = seen.get(place) ?? 0
    seen.set(place, order + 1)
    ids.push(operator.uid ?? `auto-${shortHash(JSON.stringify([place, order]))}`)
  }
  return ids
}

/** An output as one text: `main`, `side late`, `failures`. */
export function outputKey(output: OutputName): string {
  return output.kind === 'side' ? `side ${output.name}` : output.kind
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
