/**
 * The master's side of one run of the job, from start or restart to its end or failure: sends the coordinator's commands to the slots, and tells it what they answer.
 *
 * 1. A checkpoint is complete only after `persist`; only then does anyone hear of it.
 * 2. Whatever goes wrong first is the outcome, unless a region can start again by itself; nothing is written after it.
 * 3. When `run` resolves no slot and no enumerator of the attempt is left, and nothing that it began in the storage of checkpoints.
 * 4. A region starts again only when nothing of it is left and nothing is being persisted, and from the newest completed checkpoint: all others go on from there.
 */
import type { Cancel, Clock, Disk, LogRecord, MetricSnapshot, Network, Random } from '@millrace/core'
import type { JobFunctions } from '../api/functions.ts'
import type { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { CoordinatorCommand, CoordinatorEvent, SavepointRequest } from '../checkpoint/coordinator-events.ts'
import type { CheckpointOptions } from '../checkpoint/options.ts'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import type { Region } from '../graph/regions.ts'
import { slotsOf, type SlotSettings } from './deployment.ts'
import { failoverScope } from './failover.ts'
import { reportFailure } from './failure-report.ts'
import type { FailureReport, MasterMessage, TaskReport } from './messages.ts'
import { RegionRestarts } from './region-restarts.ts'
import { launchRegions, RegionRun, type RegionHandler, type RegionStart } from './region-run.ts'
import type { RequestOutcome } from './savepoint-requests.ts'
import type { SlotLauncher } from './slot-link.ts'

type Persist = Extract<CoordinatorCommand, { kind: 'persist' }>
type Trigger = Extract<CoordinatorCommand, { kind: 'trigger' }>

export interface AttemptParts {
  readonly plan: ExecutionPlan
  readonly functions: JobFunctions
  readonly regions: readonly Region[]
  /** What each region is started with. */
  readonly starts: readonly RegionStart[]
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
  /** A region has failed and could start again by itself: after how long it does, or whether the job is to end. */
  regionFailed(region: Region, failure: FailureReport): { readonly delayMs: number } | 'give-up'
  /** What the region starts again with; `completedId`: what all others take for the newest checkpoint. Undefined: not from there, so all have to go back. */
  restartRegion(region: Region, completedId: number | undefined): Promise<RegionStart | undefined>
  /** All tasks of the region run again. */
  regionRestored(region: Region, attempt: number): void
  metricsOf(slot: number, tasks: readonly TaskReport[], user: readonly MetricSnapshot[]): void
}

export type AttemptOutcome =
  | { readonly kind: 'finished' | 'stopped' | 'canceled' }
  /** `decided`: what the restart strategy has said to it; undefined: it was not asked. */
  | { readonly kind: 'failed'; readonly failure: FailureReport; readonly decided?: 'restart' | 'give-up' }

export class Attempt {
  readonly #parts: AttemptParts
  readonly #handler: AttemptHandler
  /** By region. */
  readonly #runs: RegionRun[]
  readonly #restarts: RegionRestarts
  #started = false
  readonly #enumeratorSnapshots: Map<number, ReadonlyMap<number, unknown>> = new Map()
  /** What subtasks said when they declined. */
  readonly #declined: Map<number, string> = new Map()
  /** Writing metadata, removing files. */
  readonly #storing: Set<Promise<void>> = new Set()
  #wake: Cancel | undefined
  #ending: AttemptOutcome | undefined
  /** The final checkpoint is complete: once all are closed that was it. */
  #whenClosed: (() => void) | undefined
  #finished!: (outcome: AttemptOutcome) => void
  readonly #done: Promise<AttemptOutcome>

  constructor(parts: AttemptParts, handler: AttemptHandler) {
    this.#parts = parts
    this.#handler = handler
    this.#done = new Promise((resolve) => (this.#finished = resolve))
    this.#runs = parts.regions.map((region) => this.#run(region, parts.starts[region.id]!))
    this.#restarts = new RegionRestarts({
      clock: parts.clock,
      launcher: parts.launcher,
      isOver: () => this.#ending !== undefined,
      isEnding: () => parts.coordinator.isEnding,
      settled: () => this.#settled(),
      start: (region) => handler.restartRegion(region, parts.coordinator.latestCompletedId),
      launched: (region, start) => {
        const run = this.#run(region, start)
        this.#runs[region.id] = run
        this.#tell({ kind: 'region-launched', region: region.id, attempt: start.attempt, atMs: parts.clock.monotonic() })
        return run
      },
      impossible: (failure) => this.#end({ kind: 'failed', failure, decided: 'restart' }),
      failed: (error) => this.#fail(error),
    })
  }

  async run(): Promise<AttemptOutcome> {
    try {
      await launchRegions(this.#runs, this.#parts.launcher, () => this.#ending !== undefined)
    } catch (error) {
      this.#fail(error)
    }
    const outcome = await this.#done
    await this.#shutDown()
    return outcome
  }

  /** SIGTERM: a final checkpoint, then the end. */
  stop(): void {
    this.#tell({ kind: 'stop', atMs: this.#parts.clock.monotonic() })
    this.#restarts.hurry()
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
    if (this.#ending === undefined) {
      this.#tell(event)
      if (event.kind === 'stop-with-savepoint') this.#restarts.hurry()
      return
    }
    this.#handler.requestDone(event.requestId, { kind: 'aborted', checkpointId: 0, reason: 'closed' })
  }

  cancel(): void {
    this.#end({ kind: 'canceled' })
  }

  // ---------- the regions

  #run(region: Region, start: RegionStart): RegionRun {
    const { plan, functions, regions, clock, disk, network, random } = this.#parts
    const firstSlot = regions.slice(0, region.id).reduce((sum, before) => sum + slotsOf(plan, before), 0)
    const handler: RegionHandler = {
      ready: () => this.#regionReady(run),
      closed: () => this.#slotsClosed(),
      coordinator: (message) => {
        if (message.kind === 'declined' && message.error !== undefined) this.#declined.set(message.checkpointId, message.error)
        this.#tell({ ...message, atMs: clock.monotonic() })
      },
      failed: (failure) => this.#regionFailed(run, failure),
      enumeratorFailed: (error) => this.#fail(error),
      log: (record) => this.#handler.log(record),
      metrics: (slot, tasks, user) => this.#handler.metricsOf(slot, tasks, user),
    }
    const run = new RegionRun({ region, ...start, firstSlot, plan, functions, clock, disk, network, random }, handler)
    return run
  }

  #regionReady({ region, attempt }: RegionRun): void {
    if (this.#ending !== undefined) return
    const atMs = this.#parts.clock.monotonic()
    if (attempt !== this.#parts.starts[region.id]!.attempt) {
      this.#tell({ kind: 'region-restored', region: region.id, atMs })
      this.#handler.regionRestored(region, attempt)
    }
    if (this.#started || !this.#runs.every(({ ready, lost }) => ready && !lost)) return
    this.#started = true
    this.#handler.started()
    this.#tell({ kind: 'started', atMs })
  }

  #regionFailed(run: RegionRun, failure: FailureReport): void {
    if (this.#ending !== undefined) return
    const { regions, coordinator, clock } = this.#parts
    const facts = { regions: regions.length, hasRun: this.#started || run.ready, ending: coordinator.isEnding, failure }
    if (failoverScope(facts) === 'job') return this.#end({ kind: 'failed', failure })
    run.lose()
    const decision = this.#handler.regionFailed(run.region, failure)
    if (decision === 'give-up') return this.#end({ kind: 'failed', failure, decided: 'give-up' })
    this.#tell({ kind: 'region-lost', region: run.region.id, atMs: clock.monotonic() })
    this.#restarts.restart(run, failure, decision.delayMs)
  }

  #fail(error: unknown): void {
    this.#end({ kind: 'failed', failure: reportFailure(error) })
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
        this.#enumeratorSnapshots.set(command.checkpointId, new Map(this.#runs.flatMap((run) => [...run.snapshot()])))
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
    this.#whenClosed = () => this.#end({ kind: stopped ? 'stopped' : 'finished' })
    this.#slotsClosed()
  }

  #slotsClosed(): void {
    if (this.#runs.every(({ closed }) => closed)) this.#whenClosed?.()
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
    this.#restarts.hurry()
    // What was being launched is there now, and can be ended.
    await this.#restarts.settled()
    await Promise.all(this.#runs.map((run) => run.close()))
    await this.#settled()
  }

  /** Nothing is being written or removed any more. */
  async #settled(): Promise<void> {
    while (this.#storing.size > 0) await Promise.all(this.#storing)
  }

  #sendAll(message: MasterMessage): void {
    for (const run of this.#runs) if (!run.lost) run.send(message)
  }
}
