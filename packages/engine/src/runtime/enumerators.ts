/**
 * The enumerators of a region: one for each of its sources, on the master's thread.
 *
 * 1. All calls of one enumerator are one after the other.
 * 2. What it assigns is sent in order on the channel on which checkpoints are triggered: a split is in the enumerator's snapshot or in its reader's, never in both.
 */
import type { Clock, Disk, LogRecord, Network, Random } from '@millrace/core'
import type { JobFunctions } from '../api/functions.ts'
import type { Source, Split, SplitEnumerator } from '../connectors/source.ts'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import type { OperatorInstance } from './messages.ts'

export interface RestoredSource {
  readonly operator: number
  readonly enumerator: unknown
  readonly splits: readonly Split[]
}

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
  assign(reader: OperatorInstance, splits: readonly Split[]): void
  noMoreSplits(reader: OperatorInstance): void
  fail(error: unknown): void
  log(record: LogRecord): void
}

interface Running {
  readonly operator: number
  readonly enumerator: SplitEnumerator
}

export class Enumerators {
  readonly #options: EnumeratorsOptions
  #running: readonly Running[] = []
  #closed = false

  constructor(options: EnumeratorsOptions) {
    this.#options = options
  }

  async start(): Promise<void> {
    const running: Running[] = []
    const { plan, tasks } = this.#options
    for (const task of plan.tasks.filter(({ id }) => tasks.includes(id))) {
      for (const operator of task.operators) {
        const functions = this.#options.functions.operators.get(operator)
        if (functions?.kind !== 'source') continue
        running.push({ operator, enumerator: await this.#startOne(operator, functions.source, task.parallelism) })
      }
    }
    this.#running = running
  }

  addReader(reader: OperatorInstance): void {
    this.#find(reader.operator)?.addReader(reader.subtask)
  }

  /** What each source's enumerator has to say for a checkpoint, by operator. */
  snapshot(): ReadonlyMap<number, unknown> {
    return new Map(this.#running.map(({ operator, enumerator }) => [operator, structuredClone(enumerator.snapshot())]))
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { enumerator } of this.#running) await enumerator.close()
  }

  #find(operator: number): SplitEnumerator | undefined {
    return this.#running.find((running) => running.operator === operator)?.enumerator
  }

  async #startOne(operator: number, source: Source<unknown>, parallelism: number): Promise<SplitEnumerator> {
    const { clock, disk, network, random, restored } = this.#options
    const enumerator = source.createEnumerator({
      parallelism,
      clock,
      disk,
      network,
      random,
      assign: (subtask, splits) => {
        if (!this.#closed && splits.length > 0) this.#options.assign({ operator, subtask }, splits)
      },
      noMoreSplits: (subtask) => {
        if (!this.#closed) this.#options.noMoreSplits({ operator, subtask })
      },
      fail: (error) => {
        if (!this.#closed) this.#options.fail(error)
      },
      report: ({ code, message }) => this.#options.log({ timeMs: clock.now(), level: 'warn', message, fields: { code, operator } }),
    })
    const former = restored.find((candidate) => candidate.operator === operator)
    await enumerator.start(former?.enumerator)
    if (former !== undefined && former.splits.length > 0) enumerator.addSplitsBack(former.splits)
    return enumerator
  }
}
