import { abortedCommand, discardCommands, persistCommand, triggerCommand } from './checkpoint-commands.ts'
import { CheckpointRequests, type WaitingSavepoint } from './checkpoint-requests.ts'
import { CommitsUnderWay } from './commits-under-way.ts'
import type { CoordinatorConfig } from './coordinator-config.ts'
import type {
  AbortReason,
  CheckpointKind,
  CoordinatorCommand,
  CoordinatorEvent,
  CoordinatorMessage,
  SavepointRequest,
} from './coordinator-events.ts'
import { Ending } from './ending.ts'
import type { SubtaskId, SubtaskSnapshot } from '../handles.ts'
import { nextCheckpoint, type NextCheckpoint } from './next-checkpoint.ts'
import type { CheckpointOptions } from '../options.ts'
import { PendingCheckpoint, subtaskKey } from './pending-checkpoint.ts'
import { PendingCheckpoints } from './pending-checkpoints.ts'
import { PeriodicSchedule } from './periodic-schedule.ts'
import { RegionAttempts } from './region-attempts.ts'
import { Retention } from './retention.ts'
import { Standstill } from './standstill.ts'
import { CheckpointAccount, type CheckpointStatistics } from './statistics.ts'

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
 *    nothing else is under way, and nothing but the final checkpoint begins before it or beside it. It is announced when what sinks staged for it is safe: see `CheckpointRequests`.
 * 9. A lost region takes with it what is under way and not yet being persisted, and every savepoint that is not announced; until it is restored nothing begins. Nobody who has asked for
 *    a savepoint waits for that, or for the start, longer than one may take (`timeoutMs`).
 * 10. While the commits of `COMMITS_BEHIND_MAX` completed checkpoints are under way no periodic one begins, for as long as one may take (`timeoutMs`): with those that are pending, no
 *    more wait for their commits than that and `maxConcurrent`. Nothing else waits for commits.
 */
export class CheckpointCoordinator {
  readonly #config: CoordinatorConfig
  #options: CheckpointOptions
  readonly #account: CheckpointAccount
  readonly #inputFinished = new Set<string>()
  readonly #regions: RegionAttempts
  readonly #pending = new PendingCheckpoints()
  readonly #schedule: PeriodicSchedule
  readonly #retention: Retention
  readonly #commits = new CommitsUnderWay()
  /** Whether it was said that commits hold checkpoints back. */
  #toldHeldBack = false
  #latestOwnId: number
  #nextCheckpointId: number
  #phase: 'starting' | 'running' | 'over' = 'starting'
  readonly #ending = new Ending()
  readonly #requests = new CheckpointRequests((command) => this.#commands.push(command))
  readonly #standstill = new Standstill()
  #failuresInRow = 0
  #wakeAtMs: number | undefined
  #commands: CoordinatorCommand[] = []

  constructor(config: CoordinatorConfig) {
    this.#config = config
    this.#options = config.options
    this.#nextCheckpointId = config.nextCheckpointId
    this.#latestOwnId = config.restoredId ?? 0
    this.#retention = new Retention(config.options.numRetained, config.completed, config.lost, config.restoredId)
    this.#schedule = new PeriodicSchedule(config.options)
    const everything = [[...new Set(config.subtasks.map(({ task }) => task))]]
    this.#regions = new RegionAttempts(config.regions ?? everything, config.subtasks, config.attempt)
    this.#account = config.account ?? new CheckpointAccount()
    this.#account.begin()
  }

  get nextCheckpointId(): number {
    return this.#nextCheckpointId
  }

  /** Newest completed checkpoint of this run, the restored one included. */
  get latestCompletedId(): number | undefined {
    return this.#latestOwnId === 0 ? undefined : this.#latestOwnId
  }

  /** Whether the job is to end: what fails from here on cannot start again by itself. */
  get isEnding(): boolean {
    return this.#phase === 'over' || this.#ending.isTaken
  }

  /** Completed checkpoints whose sinks' commits are under way. */
  get committing(): number {
    return this.#commits.behind
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
      case 'options':
        return this.#change(event.options)
      case 'tick':
        // Timers may fire a little before their time: whatever is next is asked for anew, also if it is the same.
        this.#wakeAtMs = Number.NaN
        return this.#expire(event.atMs)
      case 'request':
      case 'savepoint':
      case 'stop-with-savepoint':
        return this.#request(event)
      case 'stop':
        return this.#ending.stop(event.atMs)
      case 'acknowledged':
      case 'declined':
      case 'committed':
      case 'input-finished':
        return this.#hear(event, event.atMs)
      case 'persisted':
        return this.#complete(event.checkpointId, event.metadataBytes, event.atMs)
      case 'persist-failed':
        return this.#persistFailed(event.checkpointId, event.error, event.atMs)
      case 'region-lost':
        return this.#loseRegion(event.region, event.atMs)
      case 'region-launched':
        return this.#regions.launched(event.region, event.attempt)
      case 'region-restored':
        this.#regions.restored(event.region)
        if (this.#regions.complete) this.#standstill.end()
        if (this.#ending.draining) this.#commands.push({ kind: 'drain' })
        return
      case 'close':
        return this.#close(event.reason, event.atMs)
    }
  }

  #start(atMs: number): void {
    if (this.#phase !== 'starting') return
    this.#phase = 'running'
    this.#standstill.end()
    this.#schedule.begun(atMs)
  }

  #change(options: CheckpointOptions): void {
    this.#options = options
    this.#schedule.change(options)
    this.#retention.change(options.numRetained)
    this.#retire()
  }

  #request(event: Extract<CoordinatorEvent, { kind: 'request' | 'savepoint' | 'stop-with-savepoint' }>): void {
    if (this.#phase === 'over') return this.#requests.refuse(event.requestId, 'closed')
    if (event.kind === 'request') return this.#requests.add(event.requestId)
    const savepoint = { requestId: event.requestId, dir: event.dir, askedAtMs: event.atMs }
    if (event.kind === 'savepoint') return this.#requests.addSavepoint(savepoint)
    if (this.#ending.isTaken) return this.#requests.refuse(event.requestId, 'stopping')
    if (!event.drain) return this.#ending.stopWithSavepoint(savepoint, event.atMs)
    this.#ending.drain(savepoint)
    this.#commands.push({ kind: 'drain' })
  }

  #hear(message: CoordinatorMessage, atMs: number): void {
    if (!this.#regions.accepts(message.subtask, message.attempt) || this.#phase === 'over') {
      if (message.kind === 'acknowledged') this.#discard(message.checkpointId, message.snapshot)
      return
    }
    if (message.kind === 'input-finished') return this.#finishInput(message.subtask, atMs)
    if (message.kind === 'committed') return this.#commits.committed(message.subtask, message.stateId, message.checkpointId)
    const checkpoint = this.#pending.find(message.checkpointId)
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
    for (const checkpoint of this.#pending.expired(atMs, this.#options.timeoutMs))
      this.#fail(checkpoint, 'timeout', atMs, checkpoint.lacks(this.#config.describe))
    if (this.#phase === 'over') return
    const hasWaited = ({ askedAtMs }: WaitingSavepoint): boolean => this.#standstill.untilMs([askedAtMs], this.#options.timeoutMs) <= atMs
    this.#requests.giveUpSavepoints(hasWaited, 'timeout')
    const waiting = this.#ending.waiting.filter(hasWaited)
    for (const { requestId } of waiting) this.#requests.refuse(requestId, 'timeout')
    if (waiting.length > 0) this.#ending.savepointFailed(atMs)
  }

  #loseRegion(region: number, atMs: number): void {
    if (this.#phase === 'over') return
    this.#regions.lost(region)
    this.#standstill.begin(atMs)
    const keys = this.#regions.keysOf(region)
    for (const key of keys) this.#inputFinished.delete(key)
    this.#commits.lost(keys)
    for (const checkpoint of this.#pending.all()) {
      if (checkpoint.phase === 'persisting') checkpoint.spoiled = true
      else this.#giveUp(checkpoint, 'task-failed', atMs)
    }
    this.#requests.giveUpFollowUps('task-failed')
  }

  #next(): NextCheckpoint | undefined {
    if (!this.#regions.complete) return undefined
    const maxConcurrent = this.#options.minPauseMs > 0 || this.#options.unaligned === true ? 1 : this.#options.maxConcurrent
    return nextCheckpoint({
      ending: this.#ending,
      requests: this.#requests,
      pending: this.#pending,
      schedule: this.#schedule,
      commits: this.#commits,
      maxConcurrent,
      commitsWaitMs: this.#options.timeoutMs,
    })
  }

  #triggerDue(atMs: number): void {
    const next = this.#next()
    if (next === undefined) return
    if (next.heldFromMs !== undefined && atMs >= next.heldFromMs) this.#tellHeldBack()
    if (atMs < next.dueMs) return
    if (next.kind === 'periodic') this.#schedule.begun(atMs)
    this.#trigger(next.kind, atMs)
  }

  #tellHeldBack(): void {
    if (this.#toldHeldBack) return
    this.#toldHeldBack = true
    this.#commands.push({ kind: 'held-back', sinks: this.#commits.slowest })
  }

  #trigger(kind: CheckpointKind, atMs: number): void {
    const checkpointId = this.#nextCheckpointId++
    const request = this.#savepointOf(kind)
    const savepoint = request === undefined ? undefined : { dir: request.dir, isCheckpoint: kind === 'final' }
    const plain = kind === 'savepoint' ? [] : this.#requests.takePlain()
    const requestIds = request === undefined ? plain : [request.requestId, ...plain]
    const facts = { checkpointId, kind, triggeredAtMs: atMs, baseId: this.#latestOwnId, requestIds, savepoint }
    const checkpoint = new PendingCheckpoint(facts, this.#config.subtasks)
    this.#pending.add(checkpoint)
    this.#account.trigger()
    const stopSources = kind === 'final' && this.#ending.cause === 'stop'
    const unaligned = this.#options.unaligned === true
    this.#commands.push(triggerCommand(checkpoint, { triggeredMs: this.#wallMs(atMs), stopSources, unaligned }))
  }

  /** What the checkpoint that begins now is stored as besides, or instead. */
  #savepointOf(kind: CheckpointKind): SavepointRequest | undefined {
    if (kind === 'final') return this.#ending.begin()
    return kind === 'savepoint' ? this.#requests.takeSavepoint() : undefined
  }

  #persistNext(): void {
    const next = this.#pending.nextToPersist()
    if (next === undefined) return
    next.startPersisting()
    this.#commands.push(persistCommand(next, this.#wallMs(next.triggeredAtMs)))
  }

  #complete(checkpointId: number, metadataBytes: number, atMs: number): void {
    const checkpoint = this.#pending.find(checkpointId)
    if (checkpoint?.phase !== 'persisting' || this.#phase === 'over') return
    if (checkpoint.kind === 'savepoint') return this.#completeSavepoint(checkpoint, metadataBytes, atMs)
    for (const older of this.#pending.olderThan(checkpointId)) this.#giveUp(older, 'subsumed', atMs)
    this.#remove(checkpoint, atMs)
    this.#account.complete(checkpoint, atMs, metadataBytes)
    this.#failuresInRow = 0
    this.#latestOwnId = checkpointId
    this.#retention.completed(checkpointId)
    this.#commits.begin(checkpoint, (subtask) => this.#regions.runs(subtask))
    this.#commands.push({ kind: 'notify-complete', checkpointId, checkpoint: checkpoint.kind })
    this.#requests.completed(checkpoint)
    this.#retire()
    if (checkpoint.kind === 'final') return this.#finish(checkpointId, atMs)
    this.#persistNext()
  }

  #completeSavepoint(checkpoint: PendingCheckpoint, metadataBytes: number, atMs: number): void {
    if (checkpoint.spoiled) {
      this.#giveUp(checkpoint, 'task-failed', atMs)
      return this.#persistNext()
    }
    this.#remove(checkpoint, atMs)
    this.#account.complete(checkpoint, atMs, metadataBytes)
    this.#commands.push({ kind: 'notify-savepoint', checkpointId: checkpoint.checkpointId })
    this.#requests.completed(checkpoint)
    this.#retire()
    this.#persistNext()
  }

  #finish(checkpointId: number, atMs: number): void {
    this.#close('closed', atMs)
    this.#commands.push({ kind: 'finish', checkpointId, stopped: this.#ending.stopped })
  }

  #persistFailed(checkpointId: number, error: string, atMs: number): void {
    const checkpoint = this.#pending.find(checkpointId)
    if (checkpoint?.phase !== 'persisting' || this.#phase === 'over') return
    this.#fail(checkpoint, 'persist-failed', atMs, error)
    this.#persistNext()
  }

  #fail(checkpoint: PendingCheckpoint, reason: AbortReason, atMs: number, error?: string): void {
    this.#giveUp(checkpoint, reason, atMs, error)
    if (this.#options.intervalMs === undefined && checkpoint.kind === 'manual') this.#requests.giveUpFollowUps(reason)
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
    const paths = checkpoint.kind === 'savepoint' ? [] : checkpoint.newPaths()
    this.#commands.push(abortedCommand(checkpointId, reason, error), ...discardCommands(checkpointId, paths))
    this.#requests.givenUp(checkpoint, reason)
    this.#retire()
  }

  #close(reason: 'task-failed' | 'closed', atMs: number): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    for (const checkpoint of this.#pending.all()) {
      if (checkpoint.phase !== 'persisting') this.#giveUp(checkpoint, reason, atMs)
    }
    const persisting = this.#pending.all().flatMap(({ requestIds }) => requestIds)
    this.#requests.close(reason, [...persisting, ...this.#ending.waiting.map(({ requestId }) => requestId)])
  }

  #retire(): void {
    if (this.#phase === 'over') return
    for (const checkpointId of this.#retention.retire(this.#pending.neededId())) this.#commands.push({ kind: 'retire', checkpointId })
  }

  #remove(checkpoint: PendingCheckpoint, atMs: number): void {
    this.#pending.remove(checkpoint)
    this.#schedule.ended(atMs)
  }

  #discard(checkpointId: number, { newFiles }: SubtaskSnapshot): void {
    const paths = newFiles.map(({ path }) => path)
    this.#commands.push(...discardCommands(checkpointId, paths))
  }

  #wallMs(atMs: number): number {
    return Math.floor(atMs + this.#config.wallClockOffsetMs())
  }

  #setWake(): void {
    const { dueMs: nextMs, heldFromMs } = (this.#phase === 'running' ? this.#next() : undefined) ?? { dueMs: Infinity }
    const tellMs = heldFromMs === undefined || this.#toldHeldBack ? Infinity : heldFromMs
    const { timeoutMs } = this.#options
    const asked = [...this.#requests.waitingSavepoints, ...this.#ending.waiting].map(({ askedAtMs }) => askedAtMs)
    const dueMs = Math.min(this.#pending.nextExpiryMs(timeoutMs), nextMs, tellMs, this.#standstill.untilMs(asked, timeoutMs))
    const atMs = this.#phase !== 'over' && dueMs < Infinity ? dueMs : undefined
    if (atMs === this.#wakeAtMs) return
    this.#wakeAtMs = atMs
    this.#commands.push({ kind: 'wake', atMs })
  }
}
