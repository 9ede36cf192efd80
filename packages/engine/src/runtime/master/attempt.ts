/**
 * The master's side of one run of the job, from start or restart to its end or failure: its regions, and what becomes of them.
 *
 * 1. Whatever goes wrong first is the outcome, unless a region can start again by itself; nothing is written after it.
 * 2. When `run` resolves no slot and no enumerator of the attempt is left (but such as do not end when they are to), and nothing that it began in the storage of checkpoints.
 * 3. No task is opened before all that is restored could be read, and the job goes on from there: until then nothing outside of it is changed.
 * 4. A region starts again only when nothing of it is left and nothing is being persisted, and from the newest completed checkpoint: all others go on from there.
 */
import type { Cancel, Clock, Disk, LogRecord, Network, Random } from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import type { SavepointRequest } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { CheckpointOptions } from '../../checkpoint/options.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import type { Region } from '../../graph/regions.ts'
import { Coordination, type CoordinationParts } from './coordination.ts'
import { slotsOf, type SlotSettings } from '../deployment/deployment.ts'
import { failoverScope } from '../restore/failover.ts'
import { reportFailure } from '../deployment/failure-report.ts'
import type { FailureReport, MasterMessage, SlotReport } from '../deployment/messages.ts'
import { RegionRestarts } from './region-restarts.ts'
import { launchRegions, RegionRun, type RegionHandler, type RegionStart } from './region-run.ts'
import type { RequestOutcome } from './savepoint-requests.ts'
import type { SlotLauncher } from '../slot/slot-link.ts'

export interface AttemptParts extends CoordinationParts {
  readonly plan: ExecutionPlan
  readonly functions: JobFunctions
  readonly regions: readonly Region[]
  /** What each region is started with. */
  readonly starts: readonly RegionStart[]
  /** The job goes on from what is restored: asked once, when all of it is there and before any task is opened. */
  readonly goOn: () => Promise<void>
  readonly launcher: SlotLauncher
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
}

/** What the attempt cannot decide itself, and what others want to know. */
export interface AttemptHandler {
  started(): void
  requestDone(requestId: number, outcome: RequestOutcome): void
  log(record: LogRecord): void
  /** A region has failed and could start again by itself: after how long it does, or whether the job is to end. */
  regionFailed(region: Region, failure: FailureReport): { readonly delayMs: number } | 'give-up'
  /** What the region starts again with; `completedId`: what all others take for the newest checkpoint; `over`: nobody needs it any more. Undefined: not from there, so all have to go back. */
  restartRegion(region: Region, completedId: number | undefined, over: AbortSignal): Promise<RegionStart | undefined>
  /** All of the region runs again. */
  regionRestored(region: Region, attempt: number): void
  metricsOf(slot: number, report: SlotReport): void
}

export type AttemptOutcome =
  | { readonly kind: 'finished' | 'stopped' | 'canceled' }
  /** `decided`: what the restart strategy has said to it; undefined: it was not asked. */
  | { readonly kind: 'failed'; readonly failure: FailureReport; readonly decided?: 'restart' | 'give-up' }

/** How long a job that is told to stop waits for tasks that are being opened, or of a region that starts again, before it ends without a final checkpoint. */
const OPENING_MS = 5_000

export class Attempt {
  readonly #parts: AttemptParts
  readonly #handler: AttemptHandler
  readonly #coordination: Coordination
  /** By region. */
  readonly #runs: RegionRun[]
  readonly #restarts: RegionRestarts
  /** From the moment on at which all state is restored. */
  #goingOn: Promise<void> | undefined
  /** Tasks are being opened, or have been. */
  #isOpen = false
  #started = false
  /** Of a stop, for the tasks to be open. */
  #cancelWait: Cancel | undefined
  #ending: AttemptOutcome | undefined
  /** Aborted as it ends: what was to be started is not waited for. */
  readonly #over: AbortController = new AbortController()
  /** The final checkpoint is complete: once all are closed that was it. */
  #whenClosed: (() => void) | undefined
  readonly #done: PromiseWithResolvers<AttemptOutcome> = Promise.withResolvers()

  constructor(parts: AttemptParts, handler: AttemptHandler) {
    this.#parts = parts
    this.#handler = handler
    this.#coordination = new Coordination(parts, {
      send: (message) => this.#sendAll(message),
      enumerators: () => new Map(this.#runs.flatMap((run) => [...run.snapshot()])),
      requestDone: (requestId, outcome) => handler.requestDone(requestId, outcome),
      log: (record) => handler.log(record),
      failed: (error) => this.#fail(error),
      finish: (stopped) => this.#finish(stopped),
    })
    this.#runs = parts.regions.map((region) => this.#run(region, parts.starts[region.id]!))
    this.#restarts = new RegionRestarts({
      clock: parts.clock,
      launcher: parts.launcher,
      isOver: () => this.#ending !== undefined,
      isEnding: () => parts.coordinator.isEnding,
      settled: () => this.#coordination.settled(),
      start: (region) => handler.restartRegion(region, parts.coordinator.latestCompletedId, this.#over.signal),
      launched: (region, start) => this.#launched(region, start),
      impossible: (failure) => this.#end({ kind: 'failed', failure, decided: 'restart' }),
      failed: (error) => this.#fail(error),
    })
  }

  /** @throws what `goOn` does */
  async run(): Promise<AttemptOutcome> {
    try {
      if (this.#ending === undefined) await launchRegions(this.#runs, this.#parts.launcher, () => this.#ending !== undefined)
    } catch (error) {
      this.#fail(error)
    }
    try {
      return await this.#done.promise
    } finally {
      await this.#shutDown()
    }
  }

  /** Completed checkpoints whose sinks' commits are under way. */
  get committing(): number {
    return this.#parts.coordinator.committing
  }

  /**
   * SIGTERM: a final checkpoint, then the end; at once where nothing has run yet: what there was to start from is as it was. So it is as well where tasks are being opened and that goes on, as
   * where a sink waits for its server, and where a region starts again and does not get there: the last checkpoint is what the next start goes on from.
   */
  stop(): void {
    if (!this.#isOpen) return this.#end({ kind: 'stopped' })
    this.#coordination.tell({ kind: 'stop' })
    this.#restarts.hurry()
    if (!this.#allReady) this.#cancelWait = this.#parts.clock.after(OPENING_MS, () => this.#end({ kind: 'stopped' }))
  }

  /** The user has changed options. */
  configure(options: CheckpointOptions, settings: SlotSettings): void {
    this.#coordination.tell({ kind: 'options', options })
    this.#sendAll({ kind: 'settings', settings })
  }

  /** The coordinator answers by `requestDone`, in any case. */
  savepoint(request: SavepointRequest): void {
    if (this.#ending === undefined) this.#coordination.tell({ kind: 'savepoint', ...request })
    else this.#refuseSavepoint(request)
  }

  stopWithSavepoint(request: SavepointRequest, drain: boolean): void {
    if (this.#ending !== undefined) return this.#refuseSavepoint(request)
    this.#coordination.tell({ kind: 'stop-with-savepoint', drain, ...request })
    this.#restarts.hurry()
  }

  #refuseSavepoint({ requestId }: SavepointRequest): void {
    this.#handler.requestDone(requestId, { kind: 'aborted', checkpointId: 0, reason: 'closed' })
  }

  cancel(): void {
    this.#end({ kind: 'canceled' })
  }

  // ---------- the regions

  #run(region: Region, start: RegionStart): RegionRun {
    const { plan, functions, regions, clock, disk, network, random } = this.#parts
    const firstSlot = regions.slice(0, region.id).reduce((sum, before) => sum + slotsOf(plan, before), 0)
    const handler: RegionHandler = {
      restored: () => this.#regionRestored(run),
      ready: () => this.#regionReady(run),
      closed: () => this.#slotsClosed(),
      coordinator: (message) => this.#coordination.hear(message),
      failed: (failure) => this.#regionFailed(run, failure),
      enumeratorFailed: (error) => this.#fail(error),
      log: (record) => this.#handler.log(record),
      metrics: (slot, report) => this.#handler.metricsOf(slot, report),
    }
    const over = this.#over.signal
    const run = new RegionRun({ region, ...start, firstSlot, plan, functions, clock, disk, network, random, over }, handler)
    return run
  }

  #regionRestored(run: RegionRun): void {
    if (this.#ending !== undefined) return
    if (this.#isOpen) return run.send({ kind: 'open' })
    if (this.#runs.every(({ restored }) => restored)) this.#goingOn ??= this.#goOn()
  }

  async #goOn(): Promise<void> {
    try {
      await this.#parts.goOn()
    } catch (error) {
      return this.#refuse(error)
    }
    if (this.#ending !== undefined) return
    this.#isOpen = true
    this.#sendAll({ kind: 'open' })
  }

  #regionReady({ region, attempt }: RegionRun): void {
    if (this.#ending !== undefined) return
    if (attempt !== this.#parts.starts[region.id]!.attempt) {
      this.#coordination.tell({ kind: 'region-restored', region: region.id })
      this.#handler.regionRestored(region, attempt)
    }
    if (!this.#allReady) return
    this.#cancelWait?.()
    if (this.#started) return
    this.#started = true
    this.#handler.started()
    this.#coordination.tell({ kind: 'started' })
  }

  get #allReady(): boolean {
    return this.#runs.every(({ ready, lost }) => ready && !lost)
  }

  #regionFailed(run: RegionRun, failure: FailureReport): void {
    if (this.#ending !== undefined) return
    const { regions, coordinator } = this.#parts
    const facts = { regions: regions.length, hasRun: this.#started || run.ready, ending: coordinator.isEnding, failure }
    if (failoverScope(facts) === 'job') return this.#end({ kind: 'failed', failure })
    run.lose()
    const decision = this.#handler.regionFailed(run.region, failure)
    if (decision === 'give-up') return this.#end({ kind: 'failed', failure, decided: 'give-up' })
    this.#coordination.tell({ kind: 'region-lost', region: run.region.id })
    this.#restarts.restart(run, failure, decision.delayMs)
  }

  #launched(region: Region, start: RegionStart): RegionRun {
    const run = this.#run(region, start)
    this.#runs[region.id] = run
    this.#coordination.tell({ kind: 'region-launched', region: region.id, attempt: start.attempt })
    return run
  }

  #fail(error: unknown): void {
    this.#end({ kind: 'failed', failure: reportFailure(error) })
  }

  // ---------- the end

  /** The final checkpoint is complete: the slots commit and close, and that was it. */
  #finish(stopped: boolean): void {
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
    this.#cancelWait?.()
    this.#over.abort()
    this.#coordination.end(outcome.kind === 'failed' ? 'task-failed' : 'closed')
    this.#done.resolve(outcome)
  }

  /** It cannot be started, rather than has failed. */
  #refuse(error: unknown): void {
    this.#done.reject(error)
    this.#fail(error)
  }

  async #shutDown(): Promise<void> {
    this.#sendAll({ kind: 'cancel' })
    this.#restarts.hurry()
    // What was being launched is there now, and can be ended.
    await this.#restarts.settled()
    await Promise.all(this.#runs.map((run) => run.close()))
    await this.#goingOn
    await this.#coordination.settled()
  }

  #sendAll(message: MasterMessage): void {
    for (const run of this.#runs) if (!run.lost) run.send(message)
  }
}
