import { engineError } from '../errors.ts'
import type { JobGraph, OperatorNode } from './graph.ts'
import { outputKey } from './state-id.ts'

/** Something that is allowed and probably not meant. */
export interface GraphWarning {
  readonly code: 'UID_DERIVED' | 'OUTPUT_UNUSED' | 'FAILURES_UNREAD' | 'FOLDER_UNHEEDED'
  /** Operator id; left out where it is the job's. */
  readonly operator?: number
  readonly message: string
}

/** Whether a checkpoint holds anything of the operator: declared state, timers, a source's splits, a two-phase sink's handles. */
export function isStateful({ states, timers, source, sink }: OperatorNode): boolean {
  return states.length > 0 || timers === true || source?.replayable === true || sink?.delivery === 'exactly-once'
}

/** In the order of the operators. `storage`: the option `checkpointing.storage`. What ends with the process is found again by nobody, whatever its id. */
export function graphWarnings(graph: JobGraph, storage: string): readonly GraphWarning[] {
  const used = new Set(graph.edges.map((edge) => `${edge.from} ${outputKey(edge.output)}`))
  return graph.operators.flatMap((operator) => {
    const { id, name, stateId, sides } = operator
    const warnings: GraphWarning[] = []
    if (operator.uid === undefined && isStateful(operator) && storage !== 'memory') {
      const message = `"${name}" keeps state under an id derived from its place in the job (${stateId}): a changed job may not find it again; give it a uid`
      warnings.push({ code: 'UID_DERIVED', operator: id, message })
    }
    const read = used.has(`${id} main`) || sides.some((side) => used.has(`${id} side ${side}`)) || used.has(`${id} failures`)
    if (operator.kind !== 'sink' && operator.silent !== true && !read) {
      warnings.push({ code: 'OUTPUT_UNUSED', operator: id, message: `nothing reads what "${name}" emits` })
    }
    if (operator.onError === 'side' && !used.has(`${id} failures`)) {
      const message = `records whose processing fails in "${name}" vanish: nothing reads its failures`
      warnings.push({ code: 'FAILURES_UNREAD', operator: id, message })
    }
    return warnings
  })
}

/**
 * Refuses a graph in which a stateful operator has no uid.
 *
 * @throws UID_MISSING
 */
export function requireUids(graph: JobGraph): void {
  const missing = graph.operators.filter((operator) => operator.uid === undefined && isStateful(operator))
  if (missing.length > 0) throw engineError('UID_MISSING', { operators: missing.map((operator) => `"${operator.name}"`).join(', ') })
}
