/**
 * The master's side of one run of the job, from start or restart to its end or failure: sends the coordinator's commands to the slots, and tells it what they answer.
 *
 * 1. A checkpoint is complete only after `persist`; only then does anyone hear of it.
 * 2. Whatever goes wrong first is the outcome; nothing is written after it.
 * 3. When `run` resolves no slot and no enumerator of the attempt is left, and nothing that it began in the storage of checkpoints.
 */
import type { Cancel, Clock, Disk, LogRecord, MetricSnapshot, Network, Random } from '@millrace/core'
import type { JobFunctions } from '../api/functions.ts'
import type { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { CoordinatorCommand, CoordinatorEvent, SavepointRequest } from '../checkpoint/coordinator-events.ts'
import type { CheckpointOptions } from '../checkpoint/options.ts'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import type { Deployment, SlotSettings } from './deployment.ts'
import { Enumerators, type RestoredSource } from './enumerators.ts'
import { reportFailure } from './failure-report.ts'
import type { FailureReport, MasterMessage, SlotMessage, TaskReport } from './messages.ts'
import type { RequestOutcome } from './savepoint-requests.ts'
import type { SlotLauncher, SlotLink } from './slot-link.ts'

type Persist = Extract<CoordinatorCommand, { kind: 'persist' }>
type Trigger = Extract<CoordinatorCommand, { kind: 'trigger' }>

export interface AttemptParts {
  readonly plan: ExecutionPlan
  readonly functions: JobFunctions
  readonly deployments: readonly Deployment[]
  readonly restoredSources: readonly RestoredSource[]
  readonly launcher: SlotLauncher
  readonly coordinator: CheckpointCoordinator
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
}

/** What the attempt cannot do itself, and what others want to know. */
export interface AttemptHandler {
  persist(command: Persist, enumerators: ReadonlyMap<number, unknown>): Promise<{ readonly metadataBytes: number }>
  retire(checkpointId: number): Promise<void>
  discard(paths: readonly string[]): Promise<void>
  started(): void
  triggered(command: Trigger): void
  checkpointAborted(checkpointId: number, reason: string, error: string | undefined): void
  requestDone(requestId: number, outcome: RequestOutcome): void
  log(record: LogRecord): void
  metricsOf(slot: number, tasks: readonly TaskReport[], user: readonly MetricSnapshot[]): void
}

export type AttemptOutcome =
  | { readonly kind: 'finished' | 'stopped' | 'canceled' }
  | { readonly kind: 'failed'; readonly failure: FailureReport }

/** How long slots have to close after a failure before they are ended. */
const CLOSE_TIMEOUT_MS = 5_000

export class Attempt {
  readonly #parts: AttemptParts
  readonly #handler: AttemptHandler
  readonly #enumerators: Enumerators
  #links: readonly SlotLink[] = []
  readonly #ready: Set<number> = new Set()
  readonly #closed: Set<number> = new Set()
  readonly #earlyReaders: { readonly operator: number; readonly subtask: number }[] = []
  #enumeratorsStarted = false
  readonly #enumeratorSnapshots: Map<number, ReadonlyMap<number, unknown>> = new Map()
  /** What subtasks said when they declined. */
  readonly #declined: Map<number, string> = new Map()
  /** Writing metadata, removing files. */
  readonly #storing: Set<Promise<void>> = new Set()
  #wake: Cancel | undefined
  #ending: AttemptOutcome | undefined
  #allClosed: (() => void) | undefined
  #finished!: (outcome: AttemptOutcome) => void
  readonly #done: Promise<AttemptOutcome>

  constructor(parts: AttemptParts, handler: AttemptHandler) {
    this.#parts = parts
    this.#handler = handler
    this.#done = new Promise((resolve) => (this.#finished = resolve))
    this.#enumerators = new Enumerators({
      plan: parts.plan,
      functions: parts.functions,
      restored: parts.restoredSources,
      clock: parts.clock,
      disk: parts.disk,
      network: parts.network,
      random: parts.random,
      assign: (reader, splits) => this.#sendTo(reader.subtask, { kind: 'splits', reader, splits }),
      noMoreSplits: (reader) => this.#sendTo(reader.subtask, { kind: 'no-more-splits', reader }),
      fail: (error) => this.#end({ kind: 'failed', failure: reportFailure(error) }),
      log: (record) => handler.log(record),
    })
  }

  async run(): Promise<AttemptOutcome> {
    try {
      this.#links = await this.#parts.launcher.launch(
        this.#parts.deployments,
        this.#parts.deployments.map(({ slot }) => ({
          message: (message) => this.#message(slot, message),
          exited: (error) => {
            this.#closed.add(slot)
            this.#end({ kind: 'failed', failure: reportFailure(error) })
          },
        })),
      )
      if (this.#ending === undefined) await this.#startEnumerators()
    } catch (error) {
      this.#end({ kind: 'failed', failure: reportFailure(error) })
    }
    const outcome = await this.#done
    await this.#shutDown()
    return outcome
  }

  /** SIGTERM: a final checkpoint, then the end. */
  stop(): void {
    this.#tell({ kind: 'stop', atMs: this.#parts.clock.monotonic() })
  }

  /** The user has changed options. */
  configure(options: CheckpointOptions, settings: SlotSettings): void {
    this.#tell({ kind: 'options', options, atMs: this.#parts.clock.monotonic() })
    this.#sendAll({ kind: 'settings', settings })
  }

  /** The coordinator answers by `requestDone`, in any case. */
  savepoint(request: SavepointRequest): void {
    this.#request({ kind: 'savepoint', ...request, atMs: this.#parts.clock.monotonic() })
  }

  stopWithSavepoint(request: SavepointRequest, drain: boolean): void {
    this.#request({ kind: 'stop-with-savepoint', drain, ...request, atMs: this.#parts.clock.monotonic() })
  }

  #request(event: Extract<CoordinatorEvent, { kind: 'savepoint' | 'stop-with-savepoint' }>): void {
    if (this.#ending === undefined) return this.#tell(event)
    this.#handler.requestDone(event.requestId, { kind: 'aborted', checkpointId: 0, reason: 'closed' })
  }

  cancel(): void {
    this.#end({ kind: 'canceled' })
  }

  async #startEnumerators(): Promise<void> {
    await this.#enumerators.start()
    this.#enumeratorsStarted = true
    for (const reader of this.#earlyReaders.splice(0)) this.#addReader(reader)
  }

  #addReader(reader: { readonly operator: number; readonly subtask: number }): void {
    try {
      this.#enumerators.addReader(reader)
    } catch (error) {
      this.#end({ kind: 'failed', failure: reportFailure(error) })
    }
  }

  #message(slot: number, message: SlotMessage): void {
    switch (message.kind) {
      case 'ready':
        this.#ready.add(slot)
        if (this.#ready.size === this.#parts.deployments.length && this.#ending === undefined) {
          this.#handler.started()
          this.#tell({ kind: 'started', atMs: this.#parts.clock.monotonic() })
        }
        return
      case 'reader-ready':
        if (this.#enumeratorsStarted) this.#addReader(message.reader)
        else this.#earlyReaders.push(message.reader)
        return
      case 'coordinator':
        if (message.message.kind === 'declined' && message.message.error !== undefined)
          this.#declined.set(message.message.checkpointId, message.message.error)
        this.#tell({ ...message.message, atMs: this.#parts.clock.monotonic() })
        return
      case 'failed':
        this.#end({ kind: 'failed', failure: message.failure })
        return
      case 'log':
        this.#handler.log(message.record)
        return
      case 'metrics':
        this.#handler.metricsOf(slot, message.tasks, message.user)
        return
      case 'closed':
        this.#closed.add(slot)
        this.#slotClosed()
        return
      default:
        message satisfies never
    }
  }

  // ---------- the coordinator

  #tell(event: CoordinatorEvent): void {
    if (this.#ending !== undefined && event.kind !== 'close') return
    for (const command of this.#parts.coordinator.on(event)) this.#perform(command)
  }

  #perform(command: CoordinatorCommand): void {
    switch (command.kind) {
      case 'trigger':
        this.#handler.triggered(command)
        this.#enumeratorSnapshots.set(command.checkpointId, this.#enumerators.snapshot())
        this.#sendAll({
          kind: 'trigger',
          checkpointId: command.checkpointId,
          triggeredMs: command.triggeredMs,
          completedId: this.#parts.coordinator.latestCompletedId ?? 0,
          stopSources: command.stopSources,
          ...(command.unaligned === undefined ? {} : { unaligned: command.unaligned }),
          ...(command.savepoint === undefined ? {} : { savepoint: command.savepoint }),
        })
        return
      case 'drain':
        this.#sendAll({ kind: 'drain' })
        return
      case 'persist':
        this.#persist(command)
        return
      case 'notify-complete':
        this.#enumeratorSnapshots.delete(command.checkpointId)
        this.#sendAll({ kind: 'complete', checkpointId: command.checkpointId, checkpoint: command.checkpoint })
        return
      case 'notify-savepoint':
        this.#enumeratorSnapshots.delete(command.checkpointId)
        this.#sendAll({ kind: 'savepoint-complete', checkpointId: command.checkpointId })
        return
      case 'notify-aborted':
        this.#enumeratorSnapshots.delete(command.checkpointId)
        this.#handler.checkpointAborted(command.checkpointId, command.reason, command.error ?? this.#declined.get(command.checkpointId))
        this.#declined.delete(command.checkpointId)
        this.#sendAll({ kind: 'aborted', checkpointId: command.checkpointId })
        return
      case 'discard':
        this.#inBackground(this.#handler.discard(command.paths))
        return
      case 'retire':
        this.#inBackground(this.#handler.retire(command.checkpointId))
        return
      case 'wake':
        this.#setWake(command.atMs)
        return
      case 'fail-job':
        this.#end({
          kind: 'failed',
          failure: reportFailure(
            new Error(
              `checkpoint ${command.checkpointId} failed: ${command.reason}${command.error === undefined ? '' : `: ${command.error}`}`,
            ),
          ),
        })
        return
      case 'finish':
        this.#finish(command.stopped)
        return
      case 'request-done':
        this.#handler.requestDone(command.requestId, command.outcome)
        return
      default:
        command satisfies never
    }
  }

  #persist(command: Persist): void {
    const { checkpointId } = command
    const atMs = (): number => this.#parts.clock.monotonic()
    const persisted = this.#handler.persist(command, this.#enumeratorSnapshots.get(checkpointId) ?? new Map()).then(
      ({ metadataBytes }) => this.#tell({ kind: 'persisted', checkpointId, metadataBytes, atMs: atMs() }),
      (error: unknown) =>
        this.#tell({ kind: 'persist-failed', checkpointId, error: error instanceof Error ? error.message : String(error), atMs: atMs() }),
    )
    this.#awaitAtEnd(persisted)
  }

  /** Removing what nobody needs any more: a failure costs disk space, not correctness. */
  #inBackground(work: Promise<void>): void {
    const removed = work.catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error)
      this.#handler.log({
        timeMs: this.#parts.clock.now(),
        level: 'warn',
        message: `old checkpoint files could not be removed: ${message}`,
        fields: {},
      })
    })
    this.#awaitAtEnd(removed)
  }

  #awaitAtEnd(work: Promise<void>): void {
    this.#storing.add(work)
    void work.finally(() => this.#storing.delete(work))
  }

  #setWake(atMs: number | undefined): void {
    this.#wake?.()
    this.#wake = undefined
    if (atMs === undefined) return
    const { clock } = this.#parts
    this.#wake = clock.after(Math.max(0, atMs - clock.monotonic()), () => this.#tell({ kind: 'tick', atMs: clock.monotonic() }))
  }

  // ---------- the end

  /** The final checkpoint is complete: the slots commit and close, and that was it. */
  #finish(stopped: boolean): void {
    this.#wake?.()
    this.#sendAll({ kind: 'finish' })
    this.#allClosed = () => this.#end({ kind: stopped ? 'stopped' : 'finished' })
    this.#slotClosed()
  }

  #slotClosed(): void {
    if (this.#closed.size === this.#parts.deployments.length) this.#allClosed?.()
  }

  #end(outcome: AttemptOutcome): void {
    if (this.#ending !== undefined) return
    this.#ending = outcome
    this.#wake?.()
    const reason = outcome.kind === 'failed' ? 'task-failed' : 'closed'
    if (outcome.kind === 'failed' || outcome.kind === 'canceled') {
      this.#tell({ kind: 'close', reason, atMs: this.#parts.clock.monotonic() })
    }
    this.#finished(outcome)
  }

  async #shutDown(): Promise<void> {
    this.#sendAll({ kind: 'cancel' })
    if (this.#closed.size < this.#links.length) {
      await new Promise<void>((resolve) => {
        const cancel = this.#parts.clock.after(CLOSE_TIMEOUT_MS, resolve)
        this.#allClosed = () => {
          cancel()
          resolve()
        }
        this.#slotClosed()
      })
    }
    await Promise.all(this.#links.map((link) => link.terminate()))
    await this.#enumerators.close().catch(() => {})
    while (this.#storing.size > 0) await Promise.all(this.#storing)
  }

  #sendAll(message: MasterMessage): void {
    for (const link of this.#links) link.send(message)
  }

  #sendTo(subtask: number, message: MasterMessage): void {
    this.#links[subtask % this.#links.length]!.send(message)
  }
}
