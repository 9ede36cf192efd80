/**
 * Runs a job from its start to its end, over as many attempts as its restart strategy allows.
 *
 * 1. One attempt at a time, each started by `JobStarts`; after it either the job ends, or `JobRestarts` has another one begin.
 * 2. The lock is held from before the first file is touched until after the last.
 */
import { MillraceError, type Clock, type Disk, type LogRecord, type Network, type Random, messageOf } from '@millrace/core'
import type { JobFunctions } from '../../api/functions.ts'
import { CheckpointCoordinator } from '../../checkpoint/coordinator/coordinator.ts'
import type { JobLock } from '../../checkpoint/lock/job-lock.ts'
import { isLockGivenUp } from '../../checkpoint/lock/lock-errors.ts'
import type { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import { isStartGivenUp } from '../../checkpoint/start-given-up.ts'
import type { CheckpointStorage } from '../../checkpoint/storage.ts'
import type { ResolvedEngineOptions } from '../../config/options.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import { regionsOf, type Region } from '../../graph/regions.ts'
import { checkJob, jobWarnings } from '../../graph/check-job.ts'
import { restartOptions } from '../../restart/restart.ts'
import { Attempt, type AttemptHandler, type AttemptOutcome } from './attempt.ts'
import { CheckpointKeeper } from './checkpoint-keeper.ts'
import type { ControlledJob, ControlServer } from '../control/control-server.ts'
import { reportFailure } from '../deployment/failure-report.ts'
import { JobControl } from './job-control.ts'
import { isPassing, jobFailure } from './job-failure.ts'
import { JobRestarts } from './job-restarts.ts'
import { JobStarts } from './job-starts.ts'
import type { CompletedCheckpoint, JobEvent, JobFailure, JobResult } from '../job-types.ts'
import { LiveSettings } from './live-settings.ts'
import { MetricsBoard } from '../metrics/metrics-board.ts'
import { checkpointOptions, slotSettings } from './master-settings.ts'
import type { FailureReport } from '../deployment/messages.ts'
import { dropCheckpointsFrom, recoverSavepoints, type Warn } from '../restore/restoration.ts'
import type { RegionStart } from './region-run.ts'
import type { RequestOutcome } from './savepoint-requests.ts'
import type { SlotLauncher } from '../slot/slot-link.ts'
import type { StateBackend } from '../storage/state-backend.ts'

export interface JobMasterParts {
  readonly plan: ExecutionPlan
  readonly functions: JobFunctions
  readonly settings: ResolvedEngineOptions
  readonly restore: 'latest' | 'none' | (string & {})
  /** Whether state that no operator takes is left out instead of refused. */
  readonly allowNonRestoredState: boolean
  readonly storage: CheckpointStorage
  readonly savepoints: FilesystemSavepoints
  /** Where savepoints go for which no folder is named. */
  readonly savepointDir: string
  readonly lock: JobLock
  readonly launcher: SlotLauncher
  /** Undefined: the heap. */
  readonly stateBackend?: Pick<StateBackend, 'openAside'> | undefined
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  /** Where the job comes from, for whoever looks on. */
  readonly modulePath?: string
  readonly onEvent: (event: JobEvent) => void
  /** Lets others give orders, as long as the lock is held. */
  readonly control?: (job: ControlledJob) => Promise<ControlServer>
}

export class JobMaster implements AttemptHandler {
  readonly control: JobControl
  readonly #parts: JobMasterParts
  readonly #settings: LiveSettings
  readonly #restarts: JobRestarts
  readonly #regions: readonly Region[]
  readonly #starts: JobStarts
  readonly #board: MetricsBoard
  readonly #keeper: CheckpointKeeper
  readonly #startedMs: number
  #nextCheckpointId = 1
  /** Another instance has taken over. */
  #fenced: MillraceError | undefined
  #server: ControlServer | undefined

  constructor(parts: JobMasterParts) {
    this.#parts = parts
    const { plan, clock, random, onEvent, modulePath } = parts
    const startedMs = clock.monotonic()
    this.#startedMs = startedMs
    const settings = new LiveSettings(parts.settings, parts.functions)
    this.#settings = settings
    parts.storage.followRetention?.(() => settings.options.checkpointing.numRetained)
    const restarts = new JobRestarts({ options: restartOptions(parts.settings.values), clock, random, onEvent })
    this.#restarts = restarts
    this.#regions = regionsOf(plan, parts.settings.values.restart.failoverStrategy)
    const board = new MetricsBoard(plan, this.#regions, clock)
    this.#board = board
    const starts = new JobStarts({
      ...parts,
      regions: this.#regions,
      settings: () => slotSettings(settings.options),
      warn: this.#warn,
      copiesLookedAt: (counts) => board.copiesLookedAt(counts),
    })
    this.#starts = starts
    const keeper = new CheckpointKeeper({ ...parts, board, attempt: () => starts.attempt })
    this.#keeper = keeper
    this.control = new JobControl({
      jobName: plan.graph.name,
      modulePath,
      clock,
      startedMs,
      settings,
      starts,
      restarts,
      board,
      keeper,
      onEvent,
    })
  }

  /** Never rejects. */
  async run(): Promise<JobResult> {
    let result: JobResult
    try {
      result = await this.#runAttempts()
    } catch (error) {
      result = isLockGivenUp(error)
        ? this.#notStarted(error)
        : this.#result({ state: 'failed', failure: { error: error instanceof Error ? error : new Error(String(error)) } })
    }
    await this.control.end(result)
    await this.#server?.retire()
    await this.#parts.lock.release().catch(() => {})
    this.#server?.end()
    this.#board.state = 'ended'
    this.#parts.onEvent({ kind: 'ended', timeMs: this.#parts.clock.now(), result })
    return result
  }

  /** A socket that cannot be had is said, and does not stop the job; one that another process has does, where both keep files beside it. @throws STATE_DIR_IN_USE */
  async #listen(keepsFiles: boolean): Promise<void> {
    try {
      this.#server = await this.#parts.control?.(this.control)
    } catch (error) {
      if (keepsFiles && error instanceof MillraceError && error.code === 'STATE_DIR_IN_USE') throw error
      this.#warn(`the job takes no orders from the command line: ${messageOf(error)}`, {})
    }
  }

  async #runAttempts(): Promise<JobResult> {
    checkJob(this.#parts.plan.graph, this.#settings.options)
    await this.#starts.lock()
    // What ends with the process is found again by nobody.
    const keepsState = this.#settings.options.checkpointing.storage !== 'memory'
    await this.#listen(keepsState || this.#parts.stateBackend !== undefined)
    await recoverSavepoints(this.#parts.savepoints, this.#warn)
    for (const { message } of jobWarnings(this.#parts.plan.graph, this.#settings.resolved)) this.#warn(message, {})
    for (;;) {
      const outcome = await this.#runAttempt().catch((error: unknown) => this.#startFailed(error))
      if (outcome.kind !== 'failed') return await this.#end(outcome.kind)
      // The strategy was asked about the region, which has to come back with all others.
      if (outcome.decided === 'restart' && !this.control.ending) continue
      const failure = this.#failure(outcome.failure)
      if (outcome.decided === 'give-up') return this.#result({ state: 'failed', failure: this.#restarts.last(failure) })
      const goesBack = await this.#goBack(outcome.failure.restoreBefore)
      const decision = this.#restarts.decide(outcome.failure, goesBack)
      if (this.control.isAsked('cancel')) return await this.#end('canceled')
      if (this.control.isAsked('stop') || decision.kind === 'give-up')
        return this.#result({ state: 'failed', failure: this.#restarts.last(failure) })
      this.#board.failed()
      this.#restarts.tell(failure, decision)
      await this.#restarts.wait(decision.delayMs)
      if (this.control.isAsked('cancel')) return await this.#end('canceled')
      if (this.control.isAsked('stop')) return this.#result({ state: 'failed', failure })
    }
  }

  /** A job that has run bears what passes: a storage that does not answer for a minute is a failure like others. @throws what is no such failure */
  #startFailed(error: unknown): AttemptOutcome {
    if (isStartGivenUp(error)) {
      this.#warn(messageOf(error), {})
      return { kind: this.control.isAsked('cancel') ? 'canceled' : 'stopped' }
    }
    if (this.#restarts.count === 0 || !isPassing(error)) throw error
    return { kind: 'failed', failure: reportFailure(error) }
  }

  #failure(report: FailureReport): JobFailure {
    const checkpoint = this.#last?.path
    return jobFailure(report, { module: this.#parts.modulePath, checkpoint })
  }

  async #runAttempt(): Promise<AttemptOutcome> {
    const { plan, functions, storage, launcher, clock, disk, network, random } = this.#parts
    this.#board.state = 'starting'
    const { attempt: number, restoration, starts } = await this.#starts.whole(this.#restoreRequest, this.#last)
    // Newer ones are damaged, or gone.
    if (this.#keeper.last !== undefined) this.#keeper.last = restoration.checkpoint
    this.#nextCheckpointId = Math.max(this.#nextCheckpointId, restoration.nextCheckpointId)
    const regions = this.#regions
    const coordinator = new CheckpointCoordinator({
      options: checkpointOptions(this.#settings.options),
      attempt: number,
      subtasks: plan.tasks.flatMap((task) => Array.from({ length: task.parallelism }, (_, subtask) => ({ task: task.id, subtask }))),
      describe: ({ task, subtask }) => `${plan.tasks[task]!.name}, subtask ${subtask}`,
      regions: regions.map(({ tasks }) => tasks),
      nextCheckpointId: this.#nextCheckpointId,
      completed: restoration.completed,
      lost: restoration.lost,
      restoredId: restoration.ownId,
      wallClockOffsetMs: () => clock.now() - clock.monotonic(),
      account: this.#keeper.account,
    })
    const keeper = this.#keeper
    const ports = { clock, disk, network, random }
    const { goOn } = restoration
    const attempt = new Attempt({ plan, functions, regions, starts, goOn, launcher, coordinator, keeper, storage, ...ports }, this)
    this.control.begin(attempt)
    this.#parts.lock.onFenced((error) => {
      this.#fenced = error
      attempt.cancel()
    })
    let outcome: AttemptOutcome | undefined
    try {
      outcome = await attempt.run()
    } finally {
      this.#nextCheckpointId = Math.max(this.#nextCheckpointId, coordinator.nextCheckpointId)
      this.control.ended(outcome !== undefined && outcome.kind !== 'failed')
    }
    if (outcome.kind === 'canceled' && this.#fenced !== undefined) throw this.#fenced
    return outcome
  }

  /** The newest checkpoint that this process knows of. */
  get #last(): CompletedCheckpoint | undefined {
    return this.#keeper.last ?? this.#starts.restored
  }

  /** Where the job restores from: once there is a completed checkpoint of this run, and on every restart from then on, that. */
  get #restoreRequest(): JobMasterParts['restore'] {
    return this.#keeper.last !== undefined ? 'latest' : this.#parts.restore
  }

  /** Sees to it that the next attempt restores an older checkpoint, where the failure asks for that; false if there is none. Where the storage is out of order that attempt asks again. */
  async #goBack(restoreBefore: number | undefined): Promise<boolean> {
    if (restoreBefore === undefined) return true
    if (this.#restoreRequest !== 'latest') return false
    try {
      const older = await dropCheckpointsFrom(this.#parts, restoreBefore, this.#warn, this.#starts.hurried)
      if (older !== undefined) this.#keeper.last = older
      return older !== undefined
    } catch (error) {
      if (!isPassing(error)) throw error
      this.#warn(`the job cannot go back behind checkpoint ${restoreBefore} yet: ${messageOf(error)}`, {})
      return true
    }
  }

  // ---------- AttemptHandler

  started(): void {
    const { plan, clock } = this.#parts
    this.#board.started()
    this.#parts.onEvent({
      kind: 'started',
      timeMs: clock.now(),
      jobName: plan.graph.name,
      attempt: this.#starts.attempt,
      plan,
      settings: this.#settings.resolved,
      restored: this.#starts.restored,
    })
  }

  regionFailed(region: Region, report: FailureReport): { readonly delayMs: number } | 'give-up' {
    const decision = this.#restarts.decide(report, true)
    if (decision.kind === 'give-up') return 'give-up'
    this.#board.regionFailed(region)
    this.#restarts.tell(this.#failure(report), decision, this.#board.describe(region))
    return decision
  }

  restartRegion(region: Region, completedId: number | undefined, over: AbortSignal): Promise<RegionStart | undefined> {
    return this.#starts.region(region, this.#restoreRequest, completedId, over)
  }

  regionRestored(region: Region, attempt: number): void {
    this.#board.regionRestored(region)
    const restored = this.#last
    this.#parts.onEvent({
      kind: 'region-restarted',
      timeMs: this.#parts.clock.now(),
      region: this.#board.describe(region),
      attempt,
      restored,
    })
  }

  requestDone(requestId: number, outcome: RequestOutcome): void {
    this.control.requestDone(requestId, outcome)
  }

  log(record: LogRecord): void {
    this.#parts.onEvent({ kind: 'log', record })
  }

  metricsOf(...report: Parameters<AttemptHandler['metricsOf']>): void {
    this.#board.report(...report)
  }

  // ---------- the end

  async #end(state: 'finished' | 'stopped' | 'canceled'): Promise<JobResult> {
    if (state === 'canceled' && !this.#settings.options.checkpointing.retainOnCancel) {
      await this.#parts.storage.removeAll()
      this.#keeper.last = undefined
      this.#starts.restored = undefined
    }
    return this.#result({ state })
  }

  /** It was to end while it waited for a lock: nothing is this instance's to change. */
  #notStarted(error: unknown): JobResult {
    this.#warn(messageOf(error), {})
    return this.#result({ state: this.control.isAsked('cancel') ? 'canceled' : 'stopped' })
  }

  #result(
    outcome: { readonly state: 'finished' | 'stopped' | 'canceled' } | { readonly state: 'failed'; readonly failure: JobFailure },
  ): JobResult {
    return {
      jobName: this.#parts.plan.graph.name,
      durationMs: this.#parts.clock.monotonic() - this.#startedMs,
      restarts: this.#restarts.count,
      lastCheckpoint: this.#last,
      ...outcome,
    }
  }

  readonly #warn: Warn = (message, fields) => {
    this.log({ timeMs: this.#parts.clock.now(), level: 'warn', message, fields: { ...fields } })
  }
}
