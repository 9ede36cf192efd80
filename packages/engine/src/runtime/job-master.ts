/**
 * Runs a job from its start to its end, over as many attempts as its restart strategy allows.
 *
 * 1. One attempt at a time, each started by `JobStarts`.
 * 2. Each failure is put before the restart strategy once, whether it is answered with a restart of the job or of a region.
 * 3. The lock is held from before the first file is touched until after the last.
 */
import { MillraceError, type Clock, type Disk, type LogRecord, type Network, type OptionState, type Random } from '@millrace/core'
import type { JobFunctions } from '../api/functions.ts'
import { CheckpointCoordinator } from '../checkpoint/coordinator.ts'
import type { JobLock } from '../checkpoint/job-lock.ts'
import type { FilesystemSavepoints } from '../checkpoint/savepoints.ts'
import type { CheckpointStorage, LocalCopyCounts } from '../checkpoint/storage.ts'
import type { ResolvedEngineOptions } from '../config/options.ts'
import type { ExecutionPlan } from '../graph/plan-types.ts'
import { regionsOf, type Region } from '../graph/regions.ts'
import { graphWarnings, requireUids } from '../graph/warnings.ts'
import { RestartPolicy, restartOptions, type RestartDecision } from '../restart/restart.ts'
import { Attempt, type AttemptHandler, type AttemptOutcome } from './attempt.ts'
import { CheckpointKeeper } from './checkpoint-keeper.ts'
import type { ControlledJob, ControlServer } from './control/control-server.ts'
import type { JobStatus } from './control/protocol.ts'
import type { SavepointRequest } from '../checkpoint/coordinator-events.ts'
import { engineError } from '../errors.ts'
import { reportFailure } from './failure-report.ts'
import { isRecoverable, jobFailure } from './job-failure.ts'
import { JobStarts } from './job-starts.ts'
import type { CheckpointHistory, CompletedCheckpoint, JobEvent, JobFailure, JobMetrics, JobResult } from './job-types.ts'
import { LiveSettings } from './live-settings.ts'
import { MetricsBoard } from './metrics-board.ts'
import { checkCombinations, checkpointOptions, slotSettings } from './master-settings.ts'
import type { FailureReport } from './messages.ts'
import { dropCheckpointsFrom, recoverSavepoints, type Warn } from './restoration.ts'
import type { RegionStart } from './region-run.ts'
import type { RequestOutcome } from './savepoint-requests.ts'
import type { SlotLauncher } from './slot-link.ts'

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

export class JobMaster implements AttemptHandler, ControlledJob {
  readonly #parts: JobMasterParts
  readonly #settings: LiveSettings
  readonly #restarts: RestartPolicy
  readonly #regions: readonly Region[]
  readonly #starts: JobStarts
  readonly #board: MetricsBoard
  readonly #keeper: CheckpointKeeper
  readonly #startedMs: number
  #attempt: Attempt | undefined
  #nextCheckpointId = 1
  #restartCount = 0
  #asked: 'stop' | 'cancel' | undefined
  #interruptDelay: (() => void) | undefined
  #over = false
  /** Savepoints that the job is to end with. */
  readonly #stopRequests: Set<number> = new Set()
  readonly #ended: PromiseWithResolvers<JobResult> = Promise.withResolvers()
  #server: ControlServer | undefined

  constructor(parts: JobMasterParts) {
    this.#parts = parts
    this.#startedMs = parts.clock.monotonic()
    this.#settings = new LiveSettings(parts.settings, parts.functions)
    this.#restarts = new RestartPolicy(restartOptions(parts.settings.values))
    this.#regions = regionsOf(parts.plan, parts.settings.values.restart.failoverStrategy)
    const settings = (): ReturnType<typeof slotSettings> => slotSettings(this.#settings.options)
    const board = new MetricsBoard(parts.plan, this.#regions, parts.clock)
    this.#board = board
    const copiesLookedAt = (counts: LocalCopyCounts): void => board.copiesLookedAt(counts)
    this.#starts = new JobStarts({ ...parts, regions: this.#regions, settings, warn: this.#warn, copiesLookedAt })
    this.#keeper = new CheckpointKeeper({ ...parts, board: this.#board })
  }

  /** Never rejects. */
  async run(): Promise<JobResult> {
    let result: JobResult
    try {
      result = await this.#runAttempts()
    } catch (error) {
      result = this.#result({ state: 'failed', failure: { error: error instanceof Error ? error : new Error(String(error)) } })
    }
    this.#over = true
    await this.#keeper.requests.settled()
    this.#ended.resolve(result)
    await this.#server?.retire()
    await this.#parts.lock.release().catch(() => {})
    this.#server?.end()
    this.#board.state = 'ended'
    this.#parts.onEvent({ kind: 'ended', timeMs: this.#parts.clock.now(), result })
    return result
  }

  /** A final checkpoint, then the end. */
  stop(): void {
    if (this.#asked !== undefined) return
    this.#asked = 'stop'
    this.#board.state = 'stopping'
    this.#parts.onEvent({ kind: 'stopping', timeMs: this.#parts.clock.now() })
    this.#attempt?.stop()
    this.#interruptDelay?.()
  }

  cancel(): void {
    if (this.#asked === 'cancel') return
    this.#asked = 'cancel'
    this.#attempt?.cancel()
    this.#interruptDelay?.()
  }

  /** @throws SAVEPOINT_FAILED, SAVEPOINT_JOB_ENDED, CHECKPOINT_STORAGE_* */
  savepoint(dir: string | undefined): Promise<CompletedCheckpoint> {
    return this.#ask(dir, (attempt, request) => attempt.savepoint(request))
  }

  /** Ends the job with a final checkpoint that is a savepoint too; if that fails the job goes on. @throws as `savepoint` */
  async stopWithSavepoint(dir: string | undefined, drain: boolean): Promise<CompletedCheckpoint> {
    return await this.#ask(dir, (attempt, request) => {
      this.#stopRequests.add(request.requestId)
      attempt.stopWithSavepoint(request, drain)
    })
  }

  async #ask(dir: string | undefined, tell: (attempt: Attempt, request: SavepointRequest) => void): Promise<CompletedCheckpoint> {
    if (this.#over) throw engineError('SAVEPOINT_JOB_ENDED')
    if (this.#attempt === undefined) throw engineError('SAVEPOINT_FAILED', { problem: 'it is starting, or between two attempts' })
    return await this.#keeper.requests.ask(dir, (request) => {
      if (this.#attempt !== undefined) tell(this.#attempt, request)
      return this.#attempt !== undefined
    })
  }

  get result(): Promise<JobResult> {
    return this.#ended.promise
  }

  status(): JobStatus {
    const { plan, clock } = this.#parts
    const last = this.#keeper.last ?? this.#starts.restored
    return {
      job: plan.graph.name,
      state: this.#board.state,
      pid: process.pid,
      module: this.#parts.modulePath ?? null,
      startedMs: Math.round(clock.now() - (clock.monotonic() - this.#startedMs)),
      restarts: this.#restartCount,
      parallelism: this.#settings.options.parallelism,
      lastCheckpoint: last === undefined ? null : { id: last.id, path: last.path },
    }
  }

  /** A socket that cannot be had is said, and does not stop the job. */
  async #listen(): Promise<void> {
    try {
      this.#server = await this.#parts.control?.(this)
    } catch (error) {
      this.#warn(`the job takes no orders from the command line: ${error instanceof Error ? error.message : String(error)}`, {})
    }
  }

  checkpoints(): CheckpointHistory {
    return this.#keeper.history()
  }

  config(): readonly OptionState[] {
    return this.#settings.describe()
  }

  configure(changes: { readonly [key: string]: string }): void {
    this.#settings.change(changes)
    const { options } = this.#settings
    this.#attempt?.configure(checkpointOptions(options), slotSettings(options))
    const text = Object.entries(changes).map(([key, value]) => `${key}=${value}`)
    this.log({ timeMs: this.#parts.clock.now(), level: 'info', message: `options changed: ${text.join(' ')}`, fields: {} })
  }

  metrics(): JobMetrics {
    return this.#board.read(this.#restartCount)
  }

  async #runAttempts(): Promise<JobResult> {
    checkCombinations(this.#settings.options)
    await this.#starts.lock()
    await recoverSavepoints(this.#parts.savepoints, this.#warn)
    await this.#listen()
    if (this.#settings.options.requireUids) requireUids(this.#parts.plan.graph)
    for (const { message } of graphWarnings(this.#parts.plan.graph)) this.#warn(message, {})
    for (;;) {
      const outcome = await this.#runAttempt().catch((error: unknown) => this.#startFailed(error))
      if (outcome.kind !== 'failed') return await this.#end(outcome.kind)
      // The strategy was asked about the region, which has to come back with all others.
      if (outcome.decided === 'restart' && this.#asked === undefined) continue
      const failure = this.#failure(outcome.failure)
      if (outcome.decided === 'give-up') return this.#result({ state: 'failed', failure })
      const goesBack = await this.#goBack(outcome.failure.restoreBefore)
      const decision = this.#decide(outcome.failure, goesBack)
      if (this.#asked === 'cancel') return await this.#end('canceled')
      if (this.#asked === 'stop' || decision.kind === 'give-up') return this.#result({ state: 'failed', failure })
      this.#board.state = 'restarting'
      this.#tellRestarting(failure, decision)
      await this.#delay(decision.delayMs)
      if (this.#isAsked('cancel')) return await this.#end('canceled')
      if (this.#isAsked('stop')) return this.#result({ state: 'failed', failure })
    }
  }

  /** A job that has run bears what passes: a storage that does not answer for a minute is a failure like others. @throws what is no such failure */
  #startFailed(error: unknown): AttemptOutcome {
    if (this.#restartCount === 0 || !(error instanceof MillraceError) || !error.retry) throw error
    return { kind: 'failed', failure: reportFailure(error) }
  }

  #failure(report: FailureReport): JobFailure {
    const checkpoint = (this.#keeper.last ?? this.#starts.restored)?.path
    return jobFailure(report, { module: this.#parts.modulePath, checkpoint })
  }

  #decide(report: FailureReport, goesBack: boolean): RestartDecision {
    return this.#restarts.decide({
      atMs: this.#parts.clock.monotonic(),
      recoverable: isRecoverable(report) && goesBack,
      random: this.#parts.random.uint32() / 2 ** 32,
    })
  }

  #tellRestarting(failure: JobFailure, { delayMs, restart }: Extract<RestartDecision, { kind: 'restart' }>, region?: Region): void {
    this.#restartCount = restart
    this.#parts.onEvent({
      kind: 'restarting',
      timeMs: this.#parts.clock.now(),
      failure,
      delayMs,
      restart,
      ...(region === undefined ? {} : { region: this.#board.describe(region) }),
    })
  }

  async #runAttempt(): Promise<AttemptOutcome> {
    const { plan, functions, launcher, clock, disk, network, random } = this.#parts
    this.#board.state = 'starting'
    const { attempt: number, restoration, starts } = await this.#starts.whole(this.#restoreRequest)
    this.#nextCheckpointId = Math.max(this.#nextCheckpointId, restoration.nextCheckpointId)
    const regions = this.#regions
    const coordinator = new CheckpointCoordinator({
      options: checkpointOptions(this.#settings.options),
      attempt: number,
      subtasks: plan.tasks.flatMap((task) => Array.from({ length: task.parallelism }, (_, subtask) => ({ task: task.id, subtask }))),
      regions: regions.map(({ tasks }) => tasks),
      nextCheckpointId: this.#nextCheckpointId,
      completed: restoration.completed,
      restoredId: restoration.ownId,
      wallClockOffsetMs: clock.now() - clock.monotonic(),
      account: this.#keeper.account,
    })
    const attempt = new Attempt({ plan, functions, regions, starts, launcher, coordinator, clock, disk, network, random }, this)
    this.#attempt = attempt
    if (this.#asked === 'cancel') attempt.cancel()
    const outcome = await attempt.run()
    this.#nextCheckpointId = Math.max(this.#nextCheckpointId, coordinator.nextCheckpointId)
    this.#attempt = undefined
    return outcome
  }

  /** Where the job restores from: once there is a completed checkpoint of this run, and on every restart from then on, that. */
  get #restoreRequest(): JobMasterParts['restore'] {
    return this.#keeper.last !== undefined ? 'latest' : this.#parts.restore
  }

  /** Sees to it that the next attempt restores an older checkpoint, where the failure asks for that; false if there is none. */
  async #goBack(restoreBefore: number | undefined): Promise<boolean> {
    if (restoreBefore === undefined) return true
    return this.#restoreRequest === 'latest' && (await dropCheckpointsFrom(this.#parts.storage, restoreBefore, this.#warn))
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
    if (this.#asked === 'stop') this.#attempt?.stop()
  }

  regionFailed(region: Region, report: FailureReport): { readonly delayMs: number } | 'give-up' {
    const decision = this.#decide(report, true)
    if (decision.kind === 'give-up') return 'give-up'
    this.#board.regionFailed(region)
    this.#tellRestarting(this.#failure(report), decision, region)
    return decision
  }

  restartRegion(region: Region, completedId: number | undefined): Promise<RegionStart | undefined> {
    return this.#starts.region(region, this.#restoreRequest, completedId)
  }

  regionRestored(region: Region, attempt: number): void {
    this.#board.regionRestored(region)
    const restored = this.#keeper.last ?? this.#starts.restored
    this.#parts.onEvent({
      kind: 'region-restarted',
      timeMs: this.#parts.clock.now(),
      region: this.#board.describe(region),
      attempt,
      restored,
    })
  }

  persist(
    command: Parameters<AttemptHandler['persist']>[0],
    enumerators: ReadonlyMap<number, unknown>,
  ): Promise<{ readonly metadataBytes: number }> {
    return this.#keeper.persist(command, enumerators, this.#starts.attempt)
  }

  triggered(command: Parameters<AttemptHandler['triggered']>[0]): void {
    this.#keeper.triggered(command)
  }

  retire(checkpointId: number): Promise<void> {
    return this.#parts.storage.retire(checkpointId)
  }

  discard(paths: readonly string[]): Promise<void> {
    return this.#parts.storage.discard(paths)
  }

  checkpointAborted(checkpointId: number, reason: string, error: string | undefined): void {
    this.#keeper.aborted(checkpointId, reason, error)
  }

  requestDone(requestId: number, outcome: RequestOutcome): void {
    // From here on the job ends, whatever happens: what is left to do the next start does.
    if (this.#stopRequests.delete(requestId) && outcome.kind === 'completed') this.#asked ??= 'stop'
    void this.#keeper.requestDone(requestId, outcome)
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
    }
    return this.#result({ state })
  }

  #result(
    outcome: { readonly state: 'finished' | 'stopped' | 'canceled' } | { readonly state: 'failed'; readonly failure: JobFailure },
  ): JobResult {
    return {
      jobName: this.#parts.plan.graph.name,
      durationMs: this.#parts.clock.monotonic() - this.#startedMs,
      restarts: this.#restartCount,
      lastCheckpoint: this.#keeper.last ?? this.#starts.restored,
      ...outcome,
    }
  }

  #isAsked(what: 'stop' | 'cancel'): boolean {
    return this.#asked === what
  }

  readonly #warn: Warn = (message, fields) => {
    this.log({ timeMs: this.#parts.clock.now(), level: 'warn', message, fields: { ...fields } })
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.clock.after(delayMs, resolve)
      this.#interruptDelay = () => {
        cancel()
        resolve()
      }
    })
  }
}
