/**
 * Checkpoints of one subtask: takes the snapshot at the barrier, has it written, acknowledges, and acts when the checkpoint is complete or given up.
 *
 * 1. What belongs to the snapshot is fixed before `take` returns; what follows only writes it out.
 * 2. An acknowledgement is sent when every byte it refers to is durable.
 * 3. A snapshot that fails declines the checkpoint; a sink that cannot make its output durable fails the task, as that output is in no other checkpoint.
 */
import { inspect } from 'node:util'
import { MillraceError, type Clock } from '@millrace/core'
import type { CoordinatorMessage } from '../../checkpoint/coordinator/coordinator-events.ts'
import { isError } from '../../operators/thrown.ts'
import { OperatorPart, type CheckpointedOperator } from '../snapshot/operator-part.ts'
import type { SinkCommits } from '../snapshot/sink-commits.ts'
import type { BackgroundHost } from '../background.ts'
import { snapshotFiles, type SnapshotPlaces } from '../snapshot/snapshot-files.ts'
import { snapshotTimings, type SnapshotTimes } from '../snapshot/snapshot-timings.ts'
import { SnapshotWriting, type SnapshotResult } from '../snapshot/snapshot-writing.ts'
import type { SnapshotOrder } from './task-types.ts'

export interface SubtaskSnapshotsOptions extends SnapshotPlaces {
  readonly operators: readonly CheckpointedOperator[]
  readonly clock: Clock
  readonly slot: BackgroundHost
  /** Whether state is written while the task goes on. */
  readonly asynchronous: boolean
  /** Whether a checkpoint may refer to files of those before it. */
  readonly incremental: boolean
  /** Tells the task's source reader, if it has one, that a checkpoint is durable. */
  readerCompleted(checkpointId: number): void
  acknowledge(message: CoordinatorMessage): void
  failed(error: unknown): void
}

export class SubtaskSnapshots {
  readonly #options: SubtaskSnapshotsOptions
  readonly #underWay: Map<number, SnapshotWriting> = new Map()

  constructor(options: SubtaskSnapshotsOptions) {
    this.#options = options
  }

  /** At the barrier. A savepoint stands by itself: all of the state goes into its folder. */
  take({ checkpointId, triggeredMs, savepoint, alignment, inFlight }: SnapshotOrder): void {
    const { clock, operators, slot, incremental } = this.#options
    const startMs = clock.monotonic()
    const create = snapshotFiles(this.#options, checkpointId, savepoint)
    const full = savepoint === undefined && incremental ? 'share' : 'all'
    const parts = operators.map((operator, place) => new OperatorPart(operator, { checkpointId, place, create, full }))
    if (!this.#options.asynchronous) for (const part of parts) part.writeAll()
    const syncMs = clock.monotonic() - startMs
    const done = (result: SnapshotResult): void =>
      this.#written(checkpointId, result, { triggeredMs, alignment, inFlight, syncMs, startMs })
    const writing = new SnapshotWriting({ parts, inFlight, create, clock, slot, done })
    this.#underWay.set(checkpointId, writing)
    slot.addBackground(writing)
  }

  decline(checkpointId: number, reason: Extract<CoordinatorMessage, { kind: 'declined' }>['reason'], error?: unknown): void {
    const { attempt, task, subtask } = this.#options.identity
    const message = error === undefined ? {} : { error: error instanceof Error ? error.message : inspect(error) }
    const whose = isError(error) && error instanceof MillraceError && error.who === 'user' ? { byJob: true } : {}
    this.#options.acknowledge({ kind: 'declined', attempt, subtask: { task, subtask }, checkpointId, reason, ...message, ...whose })
  }

  /** A checkpoint is complete, as far as later snapshots may build on it. What else follows from that waits for `completed`. */
  knownComplete(checkpointId: number): void {
    for (const { keyed } of this.#options.operators) keyed?.completed(checkpointId)
  }

  completed(checkpointId: number): void {
    this.knownComplete(checkpointId)
    for (const { stateId, commits } of this.#options.operators) if (commits !== undefined) void this.#commit(checkpointId, stateId, commits)
    this.#options.readerCompleted(checkpointId)
  }

  /** The coordinator is told: it lets no sink fall far behind. A commit that fails has failed the task. */
  async #commit(checkpointId: number, stateId: string, commits: SinkCommits): Promise<void> {
    if (!(await commits.complete(checkpointId)) || !commits.hasStaged) return
    const { attempt, task, subtask } = this.#options.identity
    this.#options.acknowledge({ kind: 'committed', attempt, subtask: { task, subtask }, checkpointId, stateId })
  }

  /** A savepoint of a job that goes on: no checkpoint builds on it, and nothing is committed. */
  savepointCompleted(checkpointId: number): void {
    for (const { keyed } of this.#options.operators) keyed?.aborted(checkpointId)
  }

  aborted(checkpointId: number): void {
    void this.#underWay.get(checkpointId)?.abort()
    this.#underWay.delete(checkpointId)
    for (const { keyed } of this.#options.operators) keyed?.aborted(checkpointId)
  }

  /** Resolves when every commit asked for is done. */
  async committed(): Promise<void> {
    for (const { commits } of this.#options.operators) await commits?.settled()
  }

  async close(): Promise<void> {
    for (const writing of this.#underWay.values()) await writing.abort()
    this.#underWay.clear()
    for (const { keyed } of this.#options.operators) await keyed?.close()
  }

  #written(checkpointId: number, result: SnapshotResult, times: SnapshotTimes): void {
    if (!this.#underWay.delete(checkpointId)) return
    if (result.kind === 'sink-failed') return this.#options.failed(result.error)
    if (result.kind !== 'written') {
      for (const { keyed } of this.#options.operators) keyed?.aborted(checkpointId)
      return this.decline(checkpointId, 'snapshot-failed', result.error)
    }
    const { identity, clock } = this.#options
    const { attempt, task, subtask } = identity
    const { operators, newFiles } = result
    const timings = snapshotTimings(times, result, { wallMs: clock.now(), monotonicMs: clock.monotonic() })
    const snapshot = { operators, newFiles, timings }
    this.#options.acknowledge({ kind: 'acknowledged', attempt, subtask: { task, subtask }, checkpointId, snapshot })
  }
}
