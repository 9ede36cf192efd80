import type {
  AbortReason,
  CheckpointKind,
  CoordinatorCommand,
  CoordinatorEvent,
  CoordinatorMessage,
  SavepointRequest,
} from './coordinator-events.ts'
import { Ending } from './ending.ts'
import { FollowUps } from './follow-ups.ts'
import type { SubtaskId, SubtaskSnapshot } from './handles.ts'
import type { CheckpointOptions } from './options.ts'
import { PendingCheckpoint, subtaskKey } from './pending-checkpoint.ts'
import { Retention } from './retention.ts'
import { CheckpointAccount, type CheckpointStatistics } from './statistics.ts'

export interface CoordinatorConfig {
  readonly options: CheckpointOptions
  /** Of this run; messages of another are ignored. */
  readonly attempt: number
  /** Every subtask of the plan, at least one. */
  readonly subtasks: readonly SubtaskId[]
  /** As `StorageReport.nextCheckpointId`, or the former attempt's `nextCheckpointId` if that is larger. */
  readonly nextCheckpointId: number
  /** Completed checkpoints that storage holds, damaged and newer ones than the restored one included. */
  readonly completed: readonly number[]
  readonly restoredId: number | undefined
  /** `Clock.now` less `Clock.monotonic` at the start of the attempt: turns the time of events into that of people. */
  readonly wallClockOffsetMs: number
  /** Over all attempts of a run; default: an account of this one alone. */
  readonly account?: CheckpointAccount
}

/** How long after a failed final checkpoint the next one is tried. */
const FINAL_RETRY_MS = 1_000

/**
 * Decides about the checkpoints of one attempt of a job: when to trigger, what is complete, what is given up, what may be removed.
 *
 * 1. Ids ascend and are never used twice. A checkpoint is complete, and announced, only after `persisted`, and is persisted only with
 *    the snapshot of every subtask. Metadata are written one at a time.
 * 2. A completed checkpoint gives up all older pending ones: completed ids ascend.
 * 3. What is being persisted is not given up: it may become durable at any moment, and its files with it.
 * 4. A completed checkpoint is retired only when newer ones fill the retention and none that is pending may build on it.
 * 5. Periodic checkpoints keep interval, pause and the limit of concurrency; the final one waits for nobody.
 * 6. The job fails only with more than `tolerableFailures` in a row of snapshots or metadata that could not be written,
 *    or of failed final checkpoints; time, back-pressure and skipped barriers never fail it.
 * 7. After `close`, `fail-job` or `finish` nothing is triggered or completed any more.
 * 8. A savepoint is no part of the job's own history: nothing builds on it, is given up for it or retired after it, and its failure counts for nothing. It waits until
 *    nothing else is under way, and nothing but the final checkpoint begins before it or beside it. It is announced when what sinks staged for it is safe: see `FollowUps`.
 */
export class CheckpointCoordinator {
  readonly #config: CoordinatorConfig
  readonly #options: CheckpointOptions
  readonly #maxConcurrent: number
  readonly #account: CheckpointAccount
  readonly #inputFinished = new Set<string>()
  /** Ascending by id. */
  #pending: PendingCheckpoint[] = []
  readonly #retention: Retention
  #latestOwnId: number
  #nextCheckpointId: number
  #phase: 'starting' | 'running' | 'over' = 'starting'
  readonly #ending = new Ending()
  #requests: number[] = []
  #savepoints: SavepointRequest[] = []
  readonly #followUps = new FollowUps()
  #periodicDueMs = 0
  #pausedUntilMs = 0
  #failuresInRow = 0
  #wakeAtMs: number | undefined
  #commands: CoordinatorCommand[] = []

  constructor(config: CoordinatorConfig) {
    this.#config = config
    this.#options = config.options
    this.#maxConcurrent = config.options.minPauseMs > 0 ? 1 : config.options.maxConcurrent
    this.#nextCheckpointId = config.nextCheckpointId
    this.#latestOwnId = config.restoredId ?? 0
    this.#retention = new Retention(config.options.numRetained, config.completed, config.restoredId)
    this.#account = config.account ?? new CheckpointAccount()
  }

  get nextCheckpointId(): number {
    return this.#nextCheckpointId
  }

  /** Newest completed checkpoint of this run, the restored one included. */
  get latestCompletedId(): number | undefined {
    return this.#latestOwnId === 0 ? undefined : this.#latestOwnId
  }

  statistics(): CheckpointStatistics {
    return this.#account.summarize()
  }

  on(event: CoordinatorEvent): readonly CoordinatorCommand[] {
    this.#commands = []
    this.#take(event)
    if (this.#phase === 'running') this.#triggerDue(event.atMs)
    this.#setWake()
    return this.#commands
  }

  #take(event: CoordinatorEvent): void {
    switch (event.kind) {
      case 'started':
        return this.#start(event.atMs)
      case 'tick':
        // Timers may fire a little before their time: whatever is next is asked for anew, also if it is the same.
        this.#wakeAtMs = Number.NaN
        return this.#expire(event.atMs)
      case 'request':
        return this.#request(event.requestId)
      case 'savepoint':
        return this.#requestSavepoint(event)
      case 'stop-with-savepoint':
        return this.#stopWithSavepoint(event, event.drain, event.atMs)
      case 'stop':
        return this.#ending.stop(event.atMs)
      case 'acknowledged':
      case 'declined':
      case 'input-finished':
        return this.#hear(event, event.atMs)
      case 'persisted':
        return this.#complete(event.checkpointId, event.metadataBytes, event.atMs)
      case 'persist-failed':
        return this.#persistFailed(event.checkpointId, event.error, event.atMs)
      case 'close':
        return this.#close(event.reason, event.atMs)
    }
  }

  #start(atMs: number): void {
    if (this.#phase !== 'starting') return
    this.#phase = 'running'
    this.#periodicDueMs = atMs + (this.#options.intervalMs ?? 0)
  }

  #request(requestId: number): void {
    if (this.#phase === 'over') this.#refuse(requestId, 'closed')
    else this.#requests.push(requestId)
  }

  #requestSavepoint({ requestId, dir }: SavepointRequest): void {
    if (this.#phase === 'over') this.#refuse(requestId, 'closed')
    else this.#savepoints.push({ requestId, dir })
  }

  #stopWithSavepoint({ requestId, dir }: SavepointRequest, drain: boolean, atMs: number): void {
    if (this.#phase === 'over') return this.#refuse(requestId, 'closed')
    if (this.#ending.isTaken) return this.#refuse(requestId, 'stopping')
    if (!drain) return this.#ending.stopWithSavepoint({ requestId, dir }, atMs)
    this.#ending.drain({ requestId, dir })
    this.#commands.push({ kind: 'drain' })
  }

  #refuse(requestId: number, reason: AbortReason, checkpointId = 0): void {
    this.#commands.push({ kind: 'request-done', requestId, outcome: { kind: 'aborted', checkpointId, reason } })
  }

  #hear(message: CoordinatorMessage, atMs: number): void {
    if (message.attempt !== this.#config.attempt || this.#phase === 'over') {
      if (message.kind === 'acknowledged') this.#discard(message.checkpointId, message.snapshot)
      return
    }
    if (message.kind === 'input-finished') return this.#finishInput(message.subtask, atMs)
    const checkpoint = this.#find(message.checkpointId)
    if (message.kind === 'acknowledged') {
      if (checkpoint === undefined) return this.#discard(message.checkpointId, message.snapshot)
      if (checkpoint.acknowledge(message.subtask, message.snapshot, atMs)) this.#persistNext()
    } else if (checkpoint?.phase === 'collecting') this.#fail(checkpoint, message.reason, atMs, message.error)
  }

  #finishInput(subtask: SubtaskId, atMs: number): void {
    this.#inputFinished.add(subtaskKey(subtask))
    if (this.#inputFinished.size === this.#config.subtasks.length) this.#ending.finishInput(atMs)
  }

  #expire(atMs: number): void {
    const expired = this.#pending.filter(
      (checkpoint) => checkpoint.phase === 'collecting' && atMs >= checkpoint.triggeredAtMs + this.#options.timeoutMs,
    )
    for (const checkpoint of expired) this.#fail(checkpoint, 'timeout', atMs)
  }

  #triggerDue(atMs: number): void {
    if (this.#ending.cause !== undefined) {
      if (this.#hasPending('final') || atMs < this.#ending.dueMs) return
      return this.#trigger('final', atMs, this.#ending.begin())
    }
    if (this.#savepoints.length > 0 && this.#pending.length === 0) return this.#trigger('savepoint', atMs, this.#savepoints.shift())
    if (this.#isHeld()) return
    if (this.#requests.length > 0 || this.#followUps.due) return this.#trigger('manual', atMs)
    if (atMs < this.#periodicAtMs()) return
    this.#periodicDueMs = atMs + (this.#options.intervalMs ?? 0)
    this.#trigger('periodic', atMs)
  }

  /** Whether no periodic checkpoint may begin, whatever the time. */
  #isHeld(): boolean {
    return this.#pending.length >= this.#maxConcurrent || this.#savepoints.length > 0 || this.#hasPending('savepoint')
  }

  #trigger(kind: CheckpointKind, atMs: number, request?: SavepointRequest): void {
    const checkpointId = this.#nextCheckpointId++
    const savepoint = request === undefined ? undefined : { dir: request.dir, isCheckpoint: kind === 'final' }
    const requestIds = [...(request === undefined ? [] : [request.requestId]), ...(kind === 'savepoint' ? [] : this.#requests)]
    const facts = { checkpointId, kind, triggeredAtMs: atMs, baseId: this.#latestOwnId, requestIds, savepoint }
    this.#pending.push(new PendingCheckpoint(facts, this.#config.subtasks))
    if (kind !== 'savepoint') {
      this.#requests = []
      this.#followUps.begun()
    }
    this.#account.trigger()
    const stopSources = kind === 'final' && this.#ending.cause === 'stop'
    const target = savepoint === undefined ? {} : { savepoint }
    this.#commands.push({ kind: 'trigger', checkpointId, checkpoint: kind, triggeredMs: this.#wallMs(atMs), stopSources, ...target })
  }

  #persistNext(): void {
    if (this.#pending.some((checkpoint) => checkpoint.phase === 'persisting')) return
    const next = this.#pending.find((checkpoint) => checkpoint.phase === 'acknowledged')
    if (next === undefined) return
    next.startPersisting()
    const snapshots = [...next.acknowledged.values()].map(({ subtask, snapshot }) => ({ subtask, snapshot }))
    const triggeredMs = this.#wallMs(next.triggeredAtMs)
    const { checkpointId, kind: checkpoint, savepoint } = next
    const target = savepoint === undefined ? {} : { savepoint }
    this.#commands.push({ kind: 'persist', checkpointId, checkpoint, triggeredMs, ...target, snapshots })
  }

  #complete(checkpointId: number, metadataBytes: number, atMs: number): void {
    const checkpoint = this.#find(checkpointId)
    if (checkpoint?.phase !== 'persisting' || this.#phase === 'over') return
    if (checkpoint.kind === 'savepoint') return this.#completeSavepoint(checkpoint, metadataBytes, atMs)
    for (const older of this.#pending.filter((other) => other.checkpointId < checkpointId)) this.#giveUp(older, 'subsumed', atMs)
    this.#remove(checkpoint, atMs)
    this.#account.complete(checkpoint, atMs, metadataBytes)
    this.#failuresInRow = 0
    this.#latestOwnId = checkpointId
    this.#retention.completed(checkpointId)
    this.#commands.push({ kind: 'notify-complete', checkpointId, checkpoint: checkpoint.kind })
    for (const savepoint of this.#followUps.completed(checkpointId)) this.#answer(savepoint)
    this.#answer(checkpoint)
    this.#retire()
    if (checkpoint.kind === 'final') return this.#finish(checkpointId, atMs)
    this.#persistNext()
  }

  #completeSavepoint(checkpoint: PendingCheckpoint, metadataBytes: number, atMs: number): void {
    this.#remove(checkpoint, atMs)
    this.#account.complete(checkpoint, atMs, metadataBytes)
    this.#commands.push({ kind: 'notify-savepoint', checkpointId: checkpoint.checkpointId })
    if (checkpoint.hasStagedOutput) this.#followUps.add(checkpoint)
    else this.#answer(checkpoint)
    this.#retire()
    this.#persistNext()
  }

  /** No other checkpoint would come by itself. */
  #giveUpFollowUps(reason: AbortReason): void {
    for (const { requestIds, checkpointId } of this.#followUps.giveUp()) {
      for (const requestId of requestIds) this.#refuse(requestId, reason, checkpointId)
    }
  }

  #answer({ requestIds, checkpointId }: PendingCheckpoint): void {
    for (const requestId of requestIds) {
      this.#commands.push({ kind: 'request-done', requestId, outcome: { kind: 'completed', checkpointId } })
    }
  }

  #finish(checkpointId: number, atMs: number): void {
    this.#close('closed', atMs)
    this.#commands.push({ kind: 'finish', checkpointId, stopped: this.#ending.stopped })
  }

  #persistFailed(checkpointId: number, error: string, atMs: number): void {
    const checkpoint = this.#find(checkpointId)
    if (checkpoint?.phase !== 'persisting' || this.#phase === 'over') return
    this.#fail(checkpoint, 'persist-failed', atMs, error)
    this.#persistNext()
  }

  #fail(checkpoint: PendingCheckpoint, reason: AbortReason, atMs: number, error?: string): void {
    this.#giveUp(checkpoint, reason, atMs, error)
    if (this.#options.intervalMs === undefined && checkpoint.kind === 'manual') this.#giveUpFollowUps(reason)
    const isFinal = checkpoint.kind === 'final'
    if (isFinal && checkpoint.savepoint !== undefined) return this.#ending.savepointFailed(atMs)
    if (checkpoint.kind === 'savepoint') return
    if (reason !== 'snapshot-failed' && reason !== 'persist-failed' && !isFinal) return
    this.#failuresInRow++
    const isLastChance = isFinal && this.#ending.cause === 'stop'
    if (this.#failuresInRow > this.#options.tolerableFailures || isLastChance) {
      const { checkpointId } = checkpoint
      const failures = this.#failuresInRow
      this.#close('closed', atMs)
      this.#commands.push({ kind: 'fail-job', checkpointId, reason, failures, ...(error === undefined ? {} : { error }) })
    } else if (isFinal) this.#ending.dueMs = atMs + FINAL_RETRY_MS
  }

  #giveUp(checkpoint: PendingCheckpoint, reason: AbortReason, atMs: number, error?: string): void {
    const { checkpointId } = checkpoint
    this.#remove(checkpoint, atMs)
    this.#account.fail(checkpoint, atMs, reason, error)
    this.#commands.push({ kind: 'notify-aborted', checkpointId, reason, ...(error === undefined ? {} : { error }) })
    const paths = checkpoint.kind === 'savepoint' ? [] : checkpoint.newPaths()
    if (paths.length > 0) this.#commands.push({ kind: 'discard', checkpointId, paths })
    for (const requestId of checkpoint.requestIds) {
      this.#commands.push({ kind: 'request-done', requestId, outcome: { kind: 'aborted', checkpointId, reason } })
    }
    this.#retire()
  }

  #close(reason: 'task-failed' | 'closed', atMs: number): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    for (const checkpoint of this.#pending) {
      if (checkpoint.phase !== 'persisting') this.#giveUp(checkpoint, reason, atMs)
    }
    this.#giveUpFollowUps(reason)
    const unanswered = this.#pending.flatMap((checkpoint) => checkpoint.requestIds)
    const waiting = [...this.#savepoints, ...this.#ending.waiting].map(({ requestId }) => requestId)
    for (const requestId of [...unanswered, ...this.#requests, ...waiting]) this.#refuse(requestId, reason)
    this.#requests = []
    this.#savepoints = []
  }

  #retire(): void {
    if (this.#phase === 'over') return
    const neededId = Math.min(...this.#pending.map((checkpoint) => checkpoint.baseId))
    for (const checkpointId of this.#retention.retire(neededId)) this.#commands.push({ kind: 'retire', checkpointId })
  }

  #remove(checkpoint: PendingCheckpoint, atMs: number): void {
    this.#pending = this.#pending.filter((other) => other !== checkpoint)
    this.#pausedUntilMs = atMs + this.#options.minPauseMs
  }

  #discard(checkpointId: number, snapshot: SubtaskSnapshot): void {
    const paths = snapshot.newFiles.map((file) => file.path)
    if (paths.length > 0) this.#commands.push({ kind: 'discard', checkpointId, paths })
  }

  #find(checkpointId: number): PendingCheckpoint | undefined {
    return this.#pending.find((checkpoint) => checkpoint.checkpointId === checkpointId)
  }

  #hasPending(kind: CheckpointKind): boolean {
    return this.#pending.some((checkpoint) => checkpoint.kind === kind)
  }

  #wallMs(atMs: number): number {
    return Math.floor(atMs + this.#config.wallClockOffsetMs)
  }

  /** When the next periodic checkpoint may start, as far as time is concerned. */
  #periodicAtMs(): number {
    return this.#options.intervalMs === undefined ? Infinity : Math.max(this.#periodicDueMs, this.#pausedUntilMs)
  }

  #setWake(): void {
    const times = this.#pending.flatMap((checkpoint) =>
      checkpoint.phase === 'collecting' ? [checkpoint.triggeredAtMs + this.#options.timeoutMs] : [],
    )
    if (this.#ending.cause !== undefined) {
      if (!this.#hasPending('final')) times.push(this.#ending.dueMs)
    } else if (!this.#isHeld()) times.push(this.#periodicAtMs())
    const next = this.#phase === 'running' ? Math.min(...times) : Infinity
    const atMs = next === Infinity ? undefined : next
    if (atMs === this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    this.#commands.push({ kind: 'wake', atMs })
  }
}
