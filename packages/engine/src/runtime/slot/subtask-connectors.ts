/**
 * The connectors of one subtask: the reader of its source, the writers of its sinks, and what they are given.
 *
 * 1. A sink instance has one two-phase commit, from the making of its writer on.
 * 2. What a connector has to say is counted, and told to the operator.
 */
import { MillraceError } from '@millrace/core'
import type { ConnectorNotice } from '../../connectors/source.ts'
import type { OperatorNode } from '../../graph/graph.ts'
import type { Chain, ChainHost } from '../../operators/chain.ts'
import { isError } from '../../operators/thrown.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import { SinkOperator } from '../../operators/sink.ts'
import type { RestoredOperator } from '../deployment/restored.ts'
import { SinkCommits } from '../snapshot/sink-commits.ts'
import { SourceHead, type SourcePlace } from '../source/source-head.ts'
import { SourceLimit } from '../source/source-limit.ts'
import type { SubtaskContext } from './subtask-context.ts'
import type { Task } from '../task/task.ts'
import type { TaskMetricsRegistry } from '../metrics/user-instruments.ts'

export class SubtaskConnectors {
  readonly #context: SubtaskContext
  readonly #metrics: TaskMetricsRegistry
  readonly #task: () => Task | undefined
  readonly #commits: Map<number, SinkCommits> = new Map()

  /** `task`: the one that is being built, once it is there. */
  constructor(context: SubtaskContext, metrics: TaskMetricsRegistry, task: () => Task | undefined) {
    this.#context = context
    this.#metrics = metrics
    this.#task = task
  }

  /** Undefined where the chain begins with no source. */
  sourceHead(chain: Chain, task: Task): SourceHead | undefined {
    const { options, planned, subtask } = this.#context
    const { deployment, ports } = options
    const functions = ports.functions.operators.get(planned.operators[0]!)
    if (functions?.kind !== 'source') return undefined
    const { name, stateId } = deployment.plan.graph.operators[planned.operators[0]!]!
    const { clock, disk, network, random } = ports
    const { parallelism } = planned
    const wake = (): void => task.wake()
    const place = { operator: name, stateId, subtask }
    const reader = made(place, 'createReader', ['poll', 'snapshot', 'close'], () =>
      functions.source.createReader({
        subtask,
        parallelism,
        clock,
        disk,
        network,
        random,
        wake,
        fail: (error) => task.fail(error),
        report: (notice) => this.#report(place, notice),
        metrics: this.#metrics.ofConnector(place),
        outputKeepsNothing:
          planned.outputs.length === 0 && chain.operators.every((each) => each instanceof SinkOperator && each.keepsNothing),
      }),
    )
    const head = new SourceHead(place, reader, chain, functions.watermarks, clock, {
      watermark: (time) => chain.watermark(time),
      idle: () => task.idle(),
      active: () => task.active(),
    })
    head.limit = new SourceLimit({ clock, perSecond: deployment.settings.maxRecordsPerSecond, subtasks: parallelism, wake })
    return head
  }

  sinkWriter(node: OperatorNode, restored: RestoredOperator | undefined): ReturnType<ChainHost['sinkWriter']> {
    const { options, planned, subtask } = this.#context
    const { deployment, ports } = options
    const functions = ports.functions.operators.get(node.id)
    if (functions?.kind !== 'sink') throw new Error(`operator ${node.id} is no sink`)
    const { clock, disk, network, random } = ports
    const fail = (error: unknown): void => this.#task()?.fail(error)
    const place = { operator: node.name, stateId: node.stateId, subtask }
    const writer = made(place, 'createWriter', ['open', 'write', 'prepare', 'close'], () =>
      functions.sink.createWriter({
        subtask,
        parallelism: planned.parallelism,
        jobName: deployment.jobName,
        stateId: node.stateId,
        attempt: deployment.attempt,
        clock,
        disk,
        network,
        random,
        restoring: deployment.restoring,
        checkpoints: deployment.settings.checkpoints,
        wake: () => this.#task()?.wake(),
        fail,
        report: (notice) => this.#report(place, notice),
      }),
    )
    this.#commits.set(node.id, new SinkCommits(writer, clock, fail, place))
    return { writer, restored: restored?.sinkHandles ?? [] }
  }

  /** Of a sink. */
  commitsOf(operator: number): SinkCommits | undefined {
    return this.#commits.get(operator)
  }

  #report(place: SourcePlace, { code, message }: ConnectorNotice): void {
    const { options } = this.#context
    const { operator, subtask } = place
    this.#metrics.of(place).counter(`notices_${code.toLowerCase()}`).add()
    options.log({ timeMs: options.ports.clock.now(), level: 'warn', message, fields: { code, operator, subtask } })
  }
}

/** Makes the reader or writer of a connector, which may be anybody's: it has the methods that are called without a look. */
function made<T extends object>(place: SourcePlace, during: string, methods: readonly (keyof T & string)[], make: () => T): T {
  try {
    const connector: Partial<T> | undefined = make()
    const missing = methods.find((method) => typeof connector?.[method] !== 'function')
    if (missing !== undefined) throw new TypeError(`what it answered has no ${missing}()`)
    return connector as T
  } catch (error) {
    if (isError(error) && error instanceof MillraceError) throw error
    throw new OperatorFailure({ ...place, during, position: undefined }, error)
  }
}
