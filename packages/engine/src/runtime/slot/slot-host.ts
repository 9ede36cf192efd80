/**
 * The inside of a slot: builds its tasks from a deployment, restores them, and does what the master says.
 *
 * 1. `restored` is said once, when every task has its state; none is opened before the master says `open`. `ready` is said once, after every task is open; `closed` once, when nothing
 *    runs any more.
 * 2. The first failure is reported and stops all tasks of the slot.
 * 3. Closing while a task is being opened waits for it: nothing is opened, or left open, after `closed`.
 * 4. After `finish` each task commits what the final checkpoint holds before it closes; after `cancel` none commits.
 */
import { formatDuration, messageOf, type LogRecord } from '@millrace/core'
import type { CoordinatorMessage } from '../../checkpoint/coordinator/coordinator-events.ts'
import { subtasksOf, type Deployment } from '../deployment/deployment.ts'
import { reportFailure } from '../deployment/failure-report.ts'
import type { FailureReport, MasterMessage, OperatorInstance, SlotMessage } from '../deployment/messages.ts'
import { reportKeys } from '../metrics/metrics-of-keys.ts'
import { Slot, TURN_MS } from './slot.ts'
import type { SlotPorts } from './slot-ports.ts'
import type { SourceHead } from '../source/source-head.ts'
import { stalledText } from './stalled-text.ts'
import { closeSubtask, SubtaskBuilder, type BuiltSubtask } from './subtask-builder.ts'

const METRICS_INTERVAL_MS = 500
/** Less than a job that is cancelled waits for its slots. */
const LONG_MS = 4_000
/** A failure waits so long for its crash capsule. */
const CAPSULE_MS_MAX = 5_000

/** What is for tasks that are open. */
type Order = Exclude<MasterMessage, { kind: 'open' }>

export class SlotHost {
  readonly #deployment: Deployment
  readonly #ports: SlotPorts
  readonly #send: (message: SlotMessage) => void
  readonly #slot: Slot
  readonly #controller: AbortController = new AbortController()
  #subtasks: readonly BuiltSubtask[] = []
  #opening: Promise<void> = Promise.resolve()
  readonly #mayGoOn: PromiseWithResolvers<void> = Promise.withResolvers()
  #state: 'opening' | 'running' | 'failed' | 'closing' | 'closed' = 'opening'
  #stopMetrics: (() => void) | undefined
  readonly #early: Order[] = []

  constructor(deployment: Deployment, ports: SlotPorts, send: (message: SlotMessage) => void) {
    this.#deployment = deployment
    this.#ports = ports
    this.#send = send
    this.#slot = new Slot({
      clock: ports.clock,
      bufferTimeoutMs: deployment.settings.bufferTimeoutMs,
      signal: ports.signal,
      turnMs: ports.pace?.turnMs ?? TURN_MS,
    })
  }

  /** Builds and restores all tasks, opens them once it may, then runs them. Never rejects: a failure is reported. */
  start(): Promise<void> {
    this.#opening = this.#open()
    return this.#opening
  }

  async #open(): Promise<void> {
    try {
      const builder = new SubtaskBuilder({
        deployment: this.#deployment,
        ports: this.#ports,
        slot: this.#slot,
        signal: this.#controller.signal,
        acknowledge: (message) => this.#coordinator(message),
        log: (record: LogRecord) => this.#send({ kind: 'log', record }),
        failed: (error) => void this.#failed(error),
      })
      this.#subtasks = await builder.build(subtasksOf(this.#deployment))
      if (this.#state === 'opening') this.#send({ kind: 'restored' })
      await this.#mayGoOn.promise
      for (const { task } of this.#subtasks.toReversed()) {
        if (this.#state !== 'opening') return
        await this.#waitedFor(task, 'open', task.open())
      }
      if (this.#state !== 'opening') return
      this.#state = 'running'
      for (const { reader } of this.#subtasks) if (reader !== undefined) this.#send({ kind: 'reader-ready', reader })
      this.#send({ kind: 'ready' })
      for (const message of this.#early.splice(0)) this.#perform(message)
      this.#slot.start(this.#subtasks.map(({ task }) => task))
      for (const subtask of this.#subtasks) subtask.clean()
      this.#reportMetrics()
    } catch (error) {
      await this.#failed(error)
    }
  }

  readonly receive = (message: MasterMessage): void => {
    if (message.kind === 'open') this.#mayGoOn.resolve()
    else if (this.#state === 'opening' && message.kind !== 'cancel') this.#early.push(message)
    else this.#perform(message)
  }

  #perform(message: Order): void {
    switch (message.kind) {
      case 'trigger':
        for (const subtask of this.#running()) subtask.task.trigger(message)
        return
      case 'complete':
        for (const subtask of this.#running()) subtask.snapshots.completed(message.checkpointId)
        return
      case 'aborted':
        for (const subtask of this.#running()) {
          subtask.task.abort(message.checkpointId)
          subtask.snapshots.aborted(message.checkpointId)
        }
        return
      case 'savepoint-complete':
        for (const subtask of this.#running()) subtask.snapshots.savepointCompleted(message.checkpointId)
        return
      case 'settings':
        for (const { task } of this.#running()) task.source?.limit(message.settings.maxRecordsPerSecond)
        return
      case 'drain':
        for (const { task } of this.#running()) task.source?.drain()
        return
      case 'splits':
        this.#reader(message.reader, (source) => source.addSplits(message.splits))
        return
      case 'no-more-splits':
        this.#reader(message.reader, (source) => source.noMoreSplits())
        return
      case 'finish':
        void this.#close(true)
        return
      case 'cancel':
        void this.#close(false)
        return
      default:
        message satisfies never
    }
  }

  #running(): readonly BuiltSubtask[] {
    return this.#state === 'running' ? this.#subtasks : []
  }

  #reader(instance: OperatorInstance, tell: (source: SourceHead) => void): void {
    const subtask = this.#running().find(({ reader }) => reader?.operator === instance.operator && reader.subtask === instance.subtask)
    subtask?.task.tellReader(tell)
  }

  #coordinator(message: CoordinatorMessage): void {
    // A snapshot that is done too late is told all the same: its files are to be removed.
    if (this.#state === 'running' || message.kind === 'acknowledged') this.#send({ kind: 'coordinator', message })
  }

  #reportMetrics(): void {
    const { clock, metricsIntervalMs = METRICS_INTERVAL_MS } = this.#ports
    this.#stopMetrics = clock.after(metricsIntervalMs, () => {
      this.#sendMetrics()
      if (this.#state === 'running') this.#reportMetrics()
    })
  }

  #sendMetrics(): void {
    const nowMs = this.#ports.clock.monotonic()
    const tasks = this.#subtasks.map(({ task }) => ({
      task: task.parts.task,
      metrics: {
        subtask: task.parts.subtask,
        numRecordsIn: task.recordsIn,
        numRecordsOut: task.recordsOut,
        numBytesIn: task.bytes.in,
        numBytesOut: task.bytes.out,
        emitLagMs: task.source?.head.emitLagMs,
        watermarkMs: Number.isFinite(task.currentWatermark) ? task.currentWatermark : undefined,
        ...task.parts.times.take(nowMs),
      },
    }))
    this.#tellStalledTime(nowMs)
    const user = this.#subtasks.flatMap((subtask) => subtask.metrics())
    const keys = this.#subtasks.flatMap(({ task }) => reportKeys(task.chain.keyed, nowMs))
    this.#send({ kind: 'metrics', report: { tasks, user, keys } })
  }

  #tellStalledTime(nowMs: number): void {
    for (const { task } of this.#running()) {
      const message = stalledText(this.#deployment.plan, task, nowMs)
      if (message === undefined) continue
      const fields = { task: task.parts.task, subtask: task.parts.subtask }
      this.#send({ kind: 'log', record: { timeMs: this.#ports.clock.now(), level: 'warn', message, fields } })
    }
  }

  async #failed(error: unknown): Promise<void> {
    if (this.#state !== 'opening' && this.#state !== 'running') return
    this.#state = 'failed'
    this.#mayGoOn.resolve()
    this.#slot.close()
    this.#controller.abort(error)
    this.#send({ kind: 'failed', failure: reportFailure(error, await this.#capsuleOf(error)) })
  }

  /** The failure itself matters more than the capsule about it: neither what writing it fails with, nor a disk that does not answer, keeps it back. */
  async #capsuleOf(failure: unknown): Promise<FailureReport['capsule']> {
    const { clock, capsule } = this.#ports
    if (capsule === undefined) return undefined
    const late = Promise.withResolvers<never>()
    const cancel = clock.after(CAPSULE_MS_MAX, () =>
      late.reject(new Error(`its folder has not taken it for ${formatDuration(CAPSULE_MS_MAX)}`)),
    )
    try {
      return await Promise.race([capsule(failure, this.#subtasks), late.promise])
    } catch (problem) {
      const message = `no crash capsule is written about this failure: ${messageOf(problem)}`
      this.#send({ kind: 'log', record: { timeMs: clock.now(), level: 'warn', message, fields: {} } })
      return undefined
    } finally {
      cancel()
    }
  }

  /** Functions and connectors are anybody's: where one of them keeps the job from beginning, or from its end, that is said. */
  async #waitedFor<T>({ parts }: BuiltSubtask['task'], during: string, work: T | Promise<T>): Promise<T> {
    const { clock } = this.#ports
    const cancel = clock.after(LONG_MS, () => {
      const { name } = this.#deployment.plan.tasks[parts.task]!
      const message = `${name}, subtask ${parts.subtask}: ${during} goes on for ${formatDuration(LONG_MS)}, and the job waits for it`
      this.#send({
        kind: 'log',
        record: { timeMs: clock.now(), level: 'warn', message, fields: { task: parts.task, subtask: parts.subtask } },
      })
    })
    try {
      return await work
    } finally {
      cancel()
    }
  }

  async #close(commit: boolean): Promise<void> {
    if (this.#state === 'closing' || this.#state === 'closed') return
    const failed = this.#state === 'failed'
    this.#state = 'closing'
    this.#mayGoOn.resolve()
    this.#stopMetrics?.()
    const errors: unknown[] = []
    if (commit && !failed) {
      for (const { snapshots } of this.#subtasks) await snapshots.committed().catch((error: unknown) => errors.push(error))
      this.#sendMetrics()
    }
    this.#controller.abort(new Error('the job has ended'))
    this.#slot.close()
    await this.#opening
    for (const subtask of this.#subtasks) errors.push(...(await this.#waitedFor(subtask.task, 'close', closeSubtask(subtask))))
    this.#state = 'closed'
    if (commit && errors.length > 0) this.#send({ kind: 'failed', failure: reportFailure(errors[0]) })
    this.#send({ kind: 'closed' })
  }
}
