/**
 * The enumerators of a region: one for each of its sources, on the master's thread.
 *
 * 1. All calls of one enumerator are one after the other.
 * 2. What it assigns is sent in order on the channel on which checkpoints are triggered: a split is in the enumerator's snapshot or in its reader's, never in both.
 * 3. One that is to end and does not is left behind, and told of: nobody can end it on this thread, and a job that waited for it would neither end nor start again.
 */
import {
  formatDuration,
  MillraceError,
  type Cancel,
  type Clock,
  type Disk,
  type LogRecord,
  type Network,
  type Random,
} from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import type { EnumeratorContext, Source, Split, SplitEnumerator } from '../../connectors/source.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import { OperatorFailure } from '../../operators/failure.ts'
import { isError } from '../../operators/thrown.ts'
import type { OperatorInstance } from '../deployment/messages.ts'
import type { RestoredSource } from '../deployment/restored.ts'

export interface EnumeratorsOptions {
  readonly plan: ExecutionPlan
  /** Ids of the region's tasks. */
  readonly tasks: readonly number[]
  readonly functions: JobFunctions
  readonly restored: readonly RestoredSource[]
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  /** Aborted as the job ends, or the region is lost: what has not started by then does not start. */
  readonly stopped: AbortSignal
  assign(reader: OperatorInstance, splits: readonly Split[]): void
  noMoreSplits(reader: OperatorInstance): void
  fail(error: unknown): void
  log(record: LogRecord): void
}

/** How long one has to end: the `start` of one when the job ends, and its `close`. */
const END_TIMEOUT_MS = 5_000

interface Running {
  readonly operator: number
  readonly enumerator: SplitEnumerator
}

export class Enumerators {
  readonly #options: EnumeratorsOptions
  readonly #running: Running[] = []
  #closed = false

  constructor(options: EnumeratorsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const { plan, tasks, stopped } = this.#options
    for (const task of plan.tasks.filter(({ id }) => tasks.includes(id))) {
      for (const operator of task.operators) {
        const functions = this.#options.functions.operators.get(operator)
        if (functions?.kind !== 'source') continue
        if (stopped.aborted) return
        const enumerator = await this.#startOne(operator, functions.source, task.parallelism)
        if (enumerator !== undefined) this.#running.push({ operator, enumerator })
      }
    }
  }

  addReader(reader: OperatorInstance): void {
    const enumerator = this.#find(reader.operator)
    if (enumerator !== undefined) this.#call(reader.operator, 'addReader', () => enumerator.addReader(reader.subtask))
  }

  /** What each source's enumerator has to say for a checkpoint, by operator. */
  snapshot(): ReadonlyMap<number, unknown> {
    return new Map(
      this.#running.map(({ operator, enumerator }) => [
        operator,
        this.#call(operator, 'snapshot', () => structuredClone(enumerator.snapshot())),
      ]),
    )
  }

  async close(): Promise<void> {
    this.#closed = true
    const closed = await Promise.allSettled(this.#running.map((running) => this.#closeOne(running)))
    for (const each of closed) if (each.status === 'rejected') throw each.reason
  }

  #find(operator: number): SplitEnumerator | undefined {
    return this.#running.find((running) => running.operator === operator)?.enumerator
  }

  /** Undefined where it was left behind. */
  async #startOne(operator: number, source: Source<unknown>, parallelism: number): Promise<SplitEnumerator | undefined> {
    const { clock, disk, network, random, stopped, restored, plan } = this.#options
    const { name } = plan.graph.operators[operator]!
    const context: EnumeratorContext = {
      parallelism,
      clock,
      disk,
      network,
      random,
      stopped,
      assign: (subtask, splits) => {
        if (!this.#closed) this.#options.assign({ operator, subtask }, splits)
      },
      noMoreSplits: (subtask) => {
        if (!this.#closed) this.#options.noMoreSplits({ operator, subtask })
      },
      fail: (error) => {
        if (!this.#closed) this.#options.fail(error)
      },
      report: ({ code, message }) => this.#options.log({ timeMs: clock.now(), level: 'warn', message, fields: { code, operator: name } }),
    }
    const enumerator = this.#call(operator, 'createEnumerator', () => source.createEnumerator(context))
    const former = restored.find((candidate) => candidate.operator === operator)
    const started = (async () => await enumerator.start(former?.enumerator))()
    if (!(await this.#ends(operator, 'start', started, stopped))) {
      const close = (): Promise<void> => this.#closeOne({ operator, enumerator })
      started.then(close, close).catch(() => {})
      return undefined
    }
    try {
      await started
    } catch (error) {
      await this.#closeOne({ operator, enumerator }).catch(() => {})
      throw this.#failed(operator, 'start', error)
    }
    if (former !== undefined && former.splits.length > 0) {
      this.#call(operator, 'addSplitsBack', () => enumerator.addSplitsBack(former.splits))
    }
    return enumerator
  }

  async #closeOne({ operator, enumerator }: Running): Promise<void> {
    const closed = (async () => await enumerator.close())()
    if (await this.#ends(operator, 'close', closed)) await closed
  }

  /** Whether it comes to its end, in time from when it is to; `due`: aborted then. */
  async #ends(operator: number, during: string, work: Promise<unknown>, due: AbortSignal = AbortSignal.abort()): Promise<boolean> {
    const { clock, plan } = this.#options
    const { promise, resolve } = Promise.withResolvers<boolean>()
    let cancel: Cancel | undefined
    const limit = (): void => void (cancel = clock.after(END_TIMEOUT_MS, () => resolve(false)))
    if (due.aborted) limit()
    else due.addEventListener('abort', limit, { once: true })
    const ended = (): void => resolve(true)
    work.then(ended, ended)
    const hasEnded = await promise
    cancel?.()
    due.removeEventListener('abort', limit)
    if (hasEnded) return true
    const { name } = plan.graph.operators[operator]!
    const message = `${during} of the enumerator of ${name} does not come to its end: after ${formatDuration(END_TIMEOUT_MS)} it is left behind`
    this.#options.log({ timeMs: clock.now(), level: 'warn', message, fields: { operator: name } })
    return false
  }

  #call<T>(operator: number, during: string, call: () => T): T {
    try {
      return call()
    } catch (error) {
      throw this.#failed(operator, during, error)
    }
  }

  /** What an enumerator threw, with its place in the job; what a connector says itself stays as it is. */
  #failed(operator: number, during: string, error: unknown): unknown {
    if (isError(error) && error instanceof MillraceError) return error
    const { name, stateId } = this.#options.plan.graph.operators[operator]!
    return new OperatorFailure({ operator: name, stateId, subtask: 0, during: `${during} of its enumerator`, position: undefined }, error)
  }
}
