import { engineError } from '../../errors.ts'
import { deepFreeze } from '../../graph/freeze.ts'
import type { EdgeNode, JobGraph, OperatorKind, OperatorNode, OutputName, Partitioning, StateNode } from '../../graph/graph.ts'
import { stateIds } from '../../graph/state-id.ts'
import type { JobFunctions, OperatorFunctions } from '../functions.ts'
import { callOrigin } from '../origin.ts'

/** An output of an operator, and how its records reach the next one. */
export interface Port {
  readonly operator: OperatorDraft
  readonly output: OutputName
  readonly partitioning: Partitioning
  /** Whether the user chose the partitioning. */
  readonly chosen: boolean
  readonly keySelector?: (value: unknown) => unknown
  readonly partitioner?: (value: unknown, partitions: number) => number
}

export interface OperatorSpec {
  readonly kind: OperatorKind
  readonly name: string
  /** Ports of the first input, and of the second where there is one. */
  readonly inputs: readonly (readonly Port[])[]
  readonly functions: OperatorFunctions
  readonly states?: readonly StateNode[]
  readonly timers?: boolean
  readonly silent?: boolean
  readonly sides?: readonly string[]
  readonly onError?: 'fail' | 'side'
  readonly source?: OperatorNode['source']
  readonly sink?: OperatorNode['sink']
}

/** An operator under construction: what the user may still set. */
export interface OperatorDraft {
  readonly id: number
  readonly spec: OperatorSpec
  /** The user's line that made it. */
  readonly origin: string | undefined
  /** As the user has named it. */
  name: string | undefined
  uid: string | undefined
  parallelism: number | undefined
  maxParallelism: number | undefined
  chaining: OperatorNode['chaining']
}

/** How messages call an operator. */
export function describeDraft(draft: OperatorDraft): string {
  return `"${draft.name ?? draft.spec.name}"${draft.origin === undefined ? '' : ` (${draft.origin})`}`
}

/**
 * Collects the operators of one build of a job.
 *
 * 1. An operator's inputs exist before it: ids are a topological order, and cycles cannot be written.
 * 2. Nothing is added or changed after `finish`.
 */
export class GraphBuilder {
  readonly #drafts: OperatorDraft[] = []
  readonly #uids = new Map<string, OperatorDraft>()
  /** What sinks must have to themselves. */
  readonly #claims = new Map<string, OperatorDraft>()
  #finished = false

  add(spec: OperatorSpec): OperatorDraft {
    this.open(spec.name)
    const ended = spec.inputs.flat().find(({ operator }) => operator.spec.kind === 'sink')
    if (ended !== undefined) {
      const value = `the sink ${describeDraft(ended.operator)}`
      throw engineError('ARGUMENT_INVALID', { call: spec.name, argument: 'its input', expected: 'a stream', value })
    }
    const draft: OperatorDraft = {
      id: this.#drafts.length,
      spec,
      origin: callOrigin(),
      name: undefined,
      uid: undefined,
      parallelism: undefined,
      maxParallelism: undefined,
      chaining: 'always',
    }
    if (spec.functions.kind === 'sink') this.#claim(draft, spec.functions.sink.claims ?? [])
    this.#drafts.push(draft)
    return draft
  }

  #claim(draft: OperatorDraft, claims: readonly string[]): void {
    for (const claim of claims) {
      const other = this.#claims.get(claim)
      if (other !== undefined)
        throw engineError('SINK_CLAIMED_TWICE', { claim, operator: describeDraft(draft), other: describeDraft(other) })
    }
    for (const claim of claims) this.#claims.set(claim, draft)
  }

  setUid(draft: OperatorDraft, uid: string): void {
    if (/^auto-/i.test(uid)) throw engineError('UID_RESERVED', { uid })
    const other = this.#uids.get(uid)
    if (other !== undefined && other !== draft) {
      throw engineError('UID_DUPLICATE', { uid, operator: describeDraft(draft), other: describeDraft(other) })
    }
    if (draft.uid !== undefined) this.#uids.delete(draft.uid)
    draft.uid = uid
    this.#uids.set(uid, draft)
  }

  /** @throws JOB_BUILT after `finish`. */
  open(call: string): void {
    if (this.#finished) throw engineError('JOB_BUILT', { call })
  }

  finish(job: Pick<JobGraph, 'name' | 'params' | 'settings'>): { readonly graph: JobGraph; readonly functions: JobFunctions } {
    this.#finished = true
    if (!this.#drafts.some((draft) => draft.spec.kind === 'sink')) throw engineError('JOB_EMPTY', { job: job.name })
    for (const draft of this.#drafts) checkBounds(draft)
    const ports = this.#drafts.flatMap((draft) =>
      draft.spec.inputs.flatMap((input, index) => input.map((port) => ({ port, to: draft.id, input: index as 0 | 1 }))),
    )
    const edges = ports.map(({ port, to, input }, id) => edgeNode(id, port, to, input))
    const nodes = this.#drafts.map(operatorNode)
    const ids = stateIds(nodes, edges)
    const operators = nodes.map((node, index) => ({ ...node, stateId: ids[index]! }))
    const { name, params, settings } = job
    const graph: JobGraph = deepFreeze({ formatVersion: 1, name, params, operators, edges, settings })
    return {
      graph,
      functions: {
        operators: new Map(this.#drafts.map((draft) => [draft.id, draft.spec.functions])),
        keySelectors: present(ports.map(({ port }) => port.keySelector)),
        partitioners: present(ports.map(({ port }) => port.partitioner)),
      },
    }
  }
}

function edgeNode(id: number, port: Port, to: number, input: 0 | 1): EdgeNode {
  const { output, partitioning } = port
  return { id, from: port.operator.id, output, to, input, partitioning, ...(port.chosen ? { chosen: true } : {}) }
}

function operatorNode(draft: OperatorDraft): Omit<OperatorNode, 'stateId'> {
  const { id, name, uid, parallelism, maxParallelism, chaining, spec } = draft
  return {
    id,
    kind: spec.kind,
    name: name ?? uid ?? spec.name,
    uid,
    parallelism,
    maxParallelism,
    chaining,
    states: spec.states ?? [],
    ...(spec.timers === true ? { timers: true } : {}),
    ...(spec.silent === true ? { silent: true } : {}),
    sides: spec.sides ?? [],
    onError: spec.onError ?? 'fail',
    ...(spec.source === undefined ? {} : { source: spec.source }),
    ...(spec.sink === undefined ? {} : { sink: spec.sink }),
  }
}

function checkBounds(draft: OperatorDraft): void {
  const { parallelism, maxParallelism } = draft
  if (parallelism === undefined || maxParallelism === undefined || parallelism <= maxParallelism) return
  throw engineError('PARALLELISM_ABOVE_MAX', { operator: describeDraft(draft), parallelism, maxParallelism })
}

function present<T>(values: readonly (T | undefined)[]): ReadonlyMap<number, T> {
  return new Map(values.flatMap((value, index) => (value === undefined ? [] : [[index, value] as const])))
}
