/**
 * What becomes of a job's checkpoints and savepoints over all its attempts: writes them where they belong, keeps their history, and tells whoever listens.
 *
 * 1. A savepoint that is the last checkpoint as well is stored as a savepoint first: of the two only what the job itself goes on from may be left without the other.
 * 2. What has been said to be complete is durable.
 */
import type { Clock, Random } from '@millrace/core'
import type { AbortReason, CoordinatorCommand } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { CheckpointMetadata } from '../../checkpoint/metadata/metadata.ts'
import type { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import { CheckpointAccount } from '../../checkpoint/coordinator/statistics.ts'
import type { CheckpointStorage } from '../../checkpoint/storage.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import { assembleMetadata } from './assemble-metadata.ts'
import type { CheckpointHistory, CompletedCheckpoint, JobEvent } from '../job-types.ts'
import type { MetricsBoard } from '../metrics/metrics-board.ts'
import { SavepointRequests, type RequestOutcome } from './savepoint-requests.ts'

type Persist = Extract<CoordinatorCommand, { kind: 'persist' }>
type Trigger = Extract<CoordinatorCommand, { kind: 'trigger' }>

export interface CheckpointKeeperParts {
  readonly plan: ExecutionPlan
  readonly storage: CheckpointStorage
  readonly savepoints: FilesystemSavepoints
  /** Where savepoints go for which no folder is named. */
  readonly savepointDir: string
  readonly clock: Clock
  readonly random: Random
  readonly board: MetricsBoard
  /** The number of the newest attempt. */
  readonly attempt: () => number
  readonly onEvent: (event: JobEvent) => void
}

export class CheckpointKeeper {
  readonly requests: SavepointRequests
  readonly account: CheckpointAccount = new CheckpointAccount()
  /** The newest completed checkpoint of this run. */
  last: CompletedCheckpoint | undefined
  readonly #parts: CheckpointKeeperParts
  /** `atMs` by the monotonic clock: the other may be put right meanwhile. */
  readonly #triggered: Map<number, { readonly command: Trigger; readonly atMs: number }> = new Map()
  /** Why checkpoints were given up that somebody waits for. */
  readonly #problems: Map<number, string> = new Map()
  readonly #paths: Map<number, string> = new Map()
  readonly #saidToHoldBack = new Set<string>()
  /** Of savepoints that are complete: what will be said once they are announced. */
  readonly #unannounced: Map<number, JobEvent> = new Map()

  constructor(parts: CheckpointKeeperParts) {
    this.#parts = parts
    this.requests = new SavepointRequests({
      jobName: parts.plan.graph.name,
      storage: parts.savepoints,
      defaultDir: parts.savepointDir,
      random: parts.random,
    })
  }

  triggered(command: Trigger): void {
    this.#triggered.set(command.checkpointId, { command, atMs: this.#parts.clock.monotonic() })
    this.#parts.board.checkpointTriggered()
  }

  async persist(command: Persist, enumerators: ReadonlyMap<number, unknown>): Promise<{ readonly metadataBytes: number }> {
    const { plan, clock, attempt } = this.#parts
    const triggered = this.#triggered.get(command.checkpointId)
    const triggeredMs = triggered?.command.triggeredMs ?? clock.now()
    const metadata = assembleMetadata(plan, command, enumerators, attempt(), triggeredMs)
    const metadataBytes = await this.#store(command, metadata)
    const durationMs = triggered === undefined ? 0 : Math.round(clock.monotonic() - triggered.atMs)
    const sizeBytes = metadataBytes + command.snapshots.reduce((sum, { snapshot }) => sum + snapshot.timings.writtenBytes, 0)
    this.#triggered.delete(command.checkpointId)
    this.#tellCompleted(command, durationMs, sizeBytes)
    return { metadataBytes }
  }

  async #store({ checkpointId, checkpoint, savepoint }: Persist, metadata: CheckpointMetadata): Promise<number> {
    const { storage, savepoints } = this.#parts
    if (savepoint !== undefined) {
      const { metadataBytes } = await savepoints.persist(savepoint.dir, metadata)
      this.#remember(checkpointId, savepoint.dir)
      if (checkpoint === 'savepoint') return metadataBytes
    }
    const { path, metadataBytes } = await storage.persist(metadata)
    this.last = { id: checkpointId, path }
    if (path !== undefined && savepoint === undefined) this.#remember(checkpointId, path)
    return metadataBytes
  }

  #tellCompleted({ checkpointId, checkpoint, savepoint, snapshots }: Persist, durationMs: number, sizeBytes: number): void {
    const { board, clock, onEvent } = this.#parts
    const timeMs = clock.now()
    const final = checkpoint === 'final'
    const stateBytes = snapshots.reduce((sum, { snapshot }) => sum + snapshot.timings.stateBytes, 0)
    const longest = (of: 'startDelayMs' | 'alignmentMs'): number =>
      snapshots.reduce((most, { snapshot }) => Math.max(most, snapshot.timings[of]), 0)
    const waits = { startDelayMs: longest('startDelayMs'), alignmentMs: longest('alignmentMs') }
    const last = { id: checkpointId, completedMs: timeMs, durationMs, sizeBytes, stateBytes, ...waits }
    // One that is no checkpoint is complete when the coordinator says so: a region may have been lost meanwhile.
    if (checkpoint !== 'savepoint') board.checkpointCompleted(last)
    if (savepoint !== undefined) {
      const told = { id: checkpointId, path: savepoint.dir }
      this.#unannounced.set(checkpointId, { kind: 'savepoint-completed', timeMs, savepoint: told, durationMs, sizeBytes, final })
    }
    if (checkpoint !== 'savepoint') onEvent({ kind: 'checkpoint-completed', timeMs, checkpoint: this.last!, durationMs, sizeBytes, final })
  }

  /** It is no checkpoint of the job. */
  savepointCompleted(): void {
    this.#parts.board.checkpointCompleted(undefined)
  }

  aborted(checkpointId: number, reason: AbortReason, error: string | undefined): void {
    const { board, clock, onEvent } = this.#parts
    const isSavepoint = this.#triggered.get(checkpointId)?.command.savepoint !== undefined || this.#unannounced.has(checkpointId)
    this.#triggered.delete(checkpointId)
    board.checkpointFailed(reason)
    const problem = `${reason}${error === undefined ? '' : `: ${error}`}`
    if (isSavepoint) this.#problems.set(checkpointId, problem)
    const what = isSavepoint ? 'savepoint' : 'checkpoint'
    const failure = new Error(`${what} ${checkpointId} was given up: ${problem}`)
    onEvent({ kind: 'checkpoint-failed', timeMs: clock.now(), checkpointId, reason, error: failure })
  }

  /** Periodic checkpoints wait for the commits of these sinks, by state id: said once of each. */
  heldBack(sinks: readonly string[]): void {
    const { plan, clock, onEvent } = this.#parts
    for (const stateId of sinks) {
      if (this.#saidToHoldBack.has(stateId)) continue
      this.#saidToHoldBack.add(stateId)
      const operator = plan.graph.operators.find((node) => node.stateId === stateId)?.name ?? stateId
      const message = `${operator} takes longer to commit a checkpoint than checkpointing.interval: checkpoints wait for it, and come less often`
      onEvent({ kind: 'log', record: { timeMs: clock.now(), level: 'warn', message, fields: { operator, stateId } } })
    }
  }

  /** Removes, or lets go of, what the request was about, and answers it. */
  async requestDone(requestId: number, outcome: RequestOutcome): Promise<void> {
    const problem = this.#problems.get(outcome.checkpointId)
    this.#problems.delete(outcome.checkpointId)
    const event = this.#unannounced.get(outcome.checkpointId)
    this.#unannounced.delete(outcome.checkpointId)
    if (outcome.kind === 'aborted') this.#paths.delete(outcome.checkpointId)
    else if (event !== undefined) this.#parts.onEvent(event)
    await this.requests.answered(requestId, outcome, problem)
  }

  history(): CheckpointHistory {
    const { clock } = this.#parts
    const offsetMs = clock.now() - clock.monotonic()
    const { history, triggered, completed, failed, subsumed, inProgress } = this.account.summarize()
    const entries = history.map(({ triggeredAtMs, ...record }) => ({
      ...record,
      triggeredMs: Math.round(triggeredAtMs + offsetMs),
      path: this.#paths.get(record.checkpointId),
    }))
    return { counts: { triggered, completed, failed, subsumed, inProgress }, history: entries }
  }

  #remember(checkpointId: number, path: string): void {
    this.#paths.set(checkpointId, path)
    const known = new Set(this.account.summarize().history.map((record) => record.checkpointId))
    for (const id of this.#paths.keys()) if (id < checkpointId && !known.has(id)) this.#paths.delete(id)
  }
}
