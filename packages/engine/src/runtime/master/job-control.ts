/**
 * What can be asked of a running job, by whoever started it or from the command line; orders are brought to the attempt that runs.
 *
 * 1. That the job is to end is remembered, whatever attempt runs then; to be cancelled overrules to be stopped, and nothing overrules that.
 * 2. A stop with a savepoint that comes to nothing leaves the job going on; one that is complete is its end, whatever happens then.
 * 3. Each savepoint that is asked for is answered; after the end none is begun.
 */
import type { Clock, OptionState } from '@millrace/core'
import type { AbortReason, SavepointRequest } from '../../checkpoint/coordinator/coordinator-events.ts'
import { engineError } from '../../errors.ts'
import type { Attempt } from './attempt.ts'
import type { CheckpointKeeper } from './checkpoint-keeper.ts'
import type { ControlledJob } from '../control/control-server.ts'
import type { JobStatus } from '../control/protocol.ts'
import type { JobRestarts } from './job-restarts.ts'
import type { JobStarts } from './job-starts.ts'
import type { CheckpointHistory, CompletedCheckpoint, JobEvent, JobMetrics, JobResult } from '../job-types.ts'
import type { LiveSettings } from './live-settings.ts'
import { checkpointOptions, slotSettings } from './master-settings.ts'
import type { MetricsBoard } from '../metrics/metrics-board.ts'
import { savepointFailed, type RequestOutcome } from './savepoint-requests.ts'

export interface JobControlParts {
  readonly jobName: string
  /** Where the job comes from. */
  readonly modulePath: string | undefined
  readonly clock: Clock
  /** Monotonic time. */
  readonly startedMs: number
  readonly settings: LiveSettings
  readonly starts: JobStarts
  readonly restarts: JobRestarts
  readonly board: MetricsBoard
  readonly keeper: CheckpointKeeper
  readonly onEvent: (event: JobEvent) => void
}

export class JobControl implements ControlledJob {
  readonly #parts: JobControlParts
  #attempt: Attempt | undefined
  #asked: 'stop' | 'cancel' | undefined
  /** Savepoints that the job is to end with. */
  readonly #stopRequests: Set<number> = new Set()
  readonly #ended: PromiseWithResolvers<JobResult> = Promise.withResolvers()
  #over = false

  constructor(parts: JobControlParts) {
    this.#parts = parts
  }

  // ---------- by the master

  /** From now on this one is told what is asked. */
  begin(attempt: Attempt): void {
    this.#attempt = attempt
    if (this.#asked === 'cancel') attempt.cancel()
    if (this.#asked === 'stop') attempt.stop()
  }

  /** It has come to its end, or has failed; `isLast`: no other one follows. */
  ended(isLast: boolean): void {
    this.#attempt = undefined
    this.#over = isLast
  }

  /** Whether the job is to end. */
  get ending(): boolean {
    return this.#asked !== undefined
  }

  isAsked(what: 'stop' | 'cancel'): boolean {
    return this.#asked === what
  }

  requestDone(requestId: number, outcome: RequestOutcome): void {
    // From here on the job ends, whatever happens: what is left to do the next start does.
    if (this.#stopRequests.delete(requestId) && outcome.kind === 'completed') {
      this.#asked ??= 'stop'
      this.#parts.board.state = 'stopping'
    }
    void this.#parts.keeper.requestDone(requestId, outcome)
  }

  /** Resolves when all that was asked is answered. */
  async end(result: JobResult): Promise<void> {
    this.#over = true
    await this.#parts.keeper.requests.settled()
    this.#ended.resolve(result)
  }

  // ---------- by others

  /** A final checkpoint, then the end. */
  stop(): void {
    if (this.#asked !== undefined) return
    const { board, clock, starts, restarts, onEvent } = this.#parts
    this.#asked = 'stop'
    board.state = 'stopping'
    onEvent({ kind: 'stopping', timeMs: clock.now() })
    this.#attempt?.stop()
    starts.hurry()
    restarts.hurry()
  }

  cancel(): void {
    if (this.#asked === 'cancel') return
    this.#asked = 'cancel'
    this.#attempt?.cancel()
    this.#parts.starts.hurry()
    this.#parts.restarts.hurry()
  }

  /** @throws SAVEPOINT_FAILED, SAVEPOINT_JOB_ENDED, SAVEPOINT_PLACE_UNUSABLE, CHECKPOINT_URL_INVALID, CHECKPOINT_STORAGE_* */
  savepoint(dir: string | undefined): Promise<CompletedCheckpoint> {
    return this.#ask(dir, false, (attempt, request) => attempt.savepoint(request))
  }

  /** Ends the job with a final checkpoint that is a savepoint too; if that fails the job goes on, or with `drain` ends without. @throws as `savepoint` */
  async stopWithSavepoint(dir: string | undefined, drain: boolean): Promise<CompletedCheckpoint> {
    return await this.#ask(dir, drain, (attempt, request) => {
      this.#stopRequests.add(request.requestId)
      attempt.stopWithSavepoint(request, drain)
    })
  }

  async #ask(
    dir: string | undefined,
    drain: boolean,
    tell: (attempt: Attempt, request: SavepointRequest) => void,
  ): Promise<CompletedCheckpoint> {
    if (this.#isEnd) throw engineError('SAVEPOINT_JOB_ENDED')
    if (this.#attempt === undefined) throw savepointFailed('it is starting, or between two attempts')
    const deliver = (request: SavepointRequest): AbortReason | undefined => {
      if (this.#attempt === undefined) return this.#isEnd ? 'closed' : 'task-failed'
      tell(this.#attempt, request)
      return undefined
    }
    return await this.#parts.keeper.requests.ask(dir, deliver, drain)
  }

  /** Nothing runs that could take a savepoint, nor will again. */
  get #isEnd(): boolean {
    return this.#over || (this.#asked !== undefined && this.#attempt === undefined)
  }

  get result(): Promise<JobResult> {
    return this.#ended.promise
  }

  status(): JobStatus {
    const { jobName, modulePath, clock, startedMs, settings, starts, restarts, board, keeper } = this.#parts
    const last = keeper.last ?? starts.restored
    return {
      job: jobName,
      state: board.state,
      pid: process.pid,
      module: modulePath ?? null,
      startedMs: Math.round(clock.now() - (clock.monotonic() - startedMs)),
      restarts: restarts.count,
      parallelism: settings.options.parallelism,
      lastCheckpoint: last === undefined ? null : { id: last.id, path: last.path },
      hotKeys: board.hotKeys,
    }
  }

  checkpoints(): CheckpointHistory {
    return this.#parts.keeper.history()
  }

  metrics(): JobMetrics {
    return this.#parts.board.read(this.#parts.restarts.count, this.#attempt?.committing ?? 0)
  }

  config(): readonly OptionState[] {
    return this.#parts.settings.describe()
  }

  /** @throws as `LiveSettings.change` */
  configure(changes: { readonly [key: string]: string }): void {
    const { settings, clock, onEvent } = this.#parts
    settings.change(changes)
    const { options } = settings
    this.#attempt?.configure(checkpointOptions(options), slotSettings(options))
    const text = Object.entries(changes).map(([key, value]) => `${key}=${value}`)
    const message = `options changed: ${text.join(' ')}`
    onEvent({ kind: 'log', record: { timeMs: clock.now(), level: 'info', message, fields: {} } })
  }
}
