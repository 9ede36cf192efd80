import type { JobGraph, OperatorNode } from './graph.ts'

/** How often each input shows in the results of a job that fails and restarts; from the strongest to the weakest. */
export type Guarantee = 'exactly-once' | 'at-least-once' | 'at-most-once' | 'none'

/** What holds between one source and one sink. */
export interface PathGuarantee {
  /** Operator ids. */
  readonly source: number
  readonly sink: number
  readonly guarantee: Guarantee
  /** One sentence: what bounds it. */
  readonly reason: string
}

/** What a job promises end to end. */
export interface JobGuarantee {
  /** The weakest of all paths. */
  readonly guarantee: Guarantee
  /** From each source to each sink it reaches. */
  readonly paths: readonly PathGuarantee[]
}

/** The options that it depends on, as resolved. */
export interface GuaranteeOptions {
  /** Undefined: no periodic checkpoints. */
  readonly interval: number | undefined
  /** The option `checkpointing.mode`. */
  readonly mode: 'exactly-once' | 'at-least-once'
  /** The option `checkpointing.storage`: what is kept in memory alone does not outlive the process. */
  readonly storage: string
}

const strongestFirst: readonly Guarantee[] = ['exactly-once', 'at-least-once', 'at-most-once', 'none']

/** What a job promises end to end, and why. Assumes that its user functions keep to what they are told: no effects of their own. */
export function endToEndGuarantee(graph: JobGraph, options: GuaranteeOptions): JobGuarantee {
  const sources = graph.operators.filter((operator) => operator.kind === 'source')
  const paths = sources.flatMap((source) =>
    reachedSinks(graph, source.id).map((sink) => ({ source: source.id, sink: sink.id, ...pathGuarantee(source, sink, options) })),
  )
  const weakest = Math.max(0, ...paths.map((path) => strongestFirst.indexOf(path.guarantee)))
  return { guarantee: strongestFirst[weakest]!, paths }
}

/** Ids are a topological order, so one pass over the edges in the order of their ends finds all. */
function reachedSinks(graph: JobGraph, source: number): readonly OperatorNode[] {
  const reached = new Set([source])
  for (const { from, to } of [...graph.edges].sort((a, b) => a.to - b.to)) if (reached.has(from)) reached.add(to)
  return graph.operators.filter((operator) => operator.kind === 'sink' && reached.has(operator.id))
}

function pathGuarantee(
  source: OperatorNode,
  sink: OperatorNode,
  { interval, mode, storage }: GuaranteeOptions,
): Pick<PathGuarantee, 'guarantee' | 'reason'> {
  const from = `"${source.name}"`
  const to = `"${sink.name}"`
  const delivery = sink.sink?.delivery ?? 'none'
  if (delivery === 'none')
    return { guarantee: 'none', reason: `${to} promises nothing: after a failure results may be missing or repeated.` }
  if (source.source?.replayable !== true) {
    return {
      guarantee: 'at-most-once',
      reason: `${from} cannot be read again: what it gave since the last checkpoint is lost in a failure.`,
    }
  }
  if (delivery === 'at-least-once')
    return { guarantee: 'at-least-once', reason: `${to} may repeat what it wrote since the last checkpoint.` }
  if (mode === 'at-least-once') {
    return {
      guarantee: 'at-least-once',
      reason: 'Barriers are not aligned (checkpointing.mode at-least-once): inputs may affect state twice.',
    }
  }
  if (storage === 'memory') {
    return {
      guarantee: 'at-least-once',
      reason: 'Checkpoints are in memory: when the process ends they are gone, and what was committed is written again.',
    }
  }
  if (interval === undefined) {
    return {
      guarantee: 'exactly-once',
      reason: `Without periodic checkpoints ${to} publishes only when the job stops or its input ends, and a failure starts over.`,
    }
  }
  return { guarantee: 'exactly-once', reason: `${from} is read again from the checkpoint, and ${to} commits with it.` }
}
