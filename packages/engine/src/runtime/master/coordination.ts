/**
 * The checkpoint coordinator of an attempt at work: it is told what happens, and what it decides is done.
 *
 * 1. A checkpoint is complete only after `persist`; only then does anyone hear of it.
 * 2. After `end` the coordinator is told nothing but that the attempt is closed.
 * 3. When `settled` resolves nothing that was begun in the storage of checkpoints is under way.
 */
import { messageOf } from '@millrace/core'
import type { Cancel, Clock, LogRecord } from '@millrace/core'
import type { CheckpointCoordinator } from '../../checkpoint/coordinator/coordinator.ts'
import type { CoordinatorCommand, CoordinatorEvent, CoordinatorMessage } from '../../checkpoint/coordinator/coordinator-events.ts'
import type { CheckpointStorage } from '../../checkpoint/storage.ts'
import { engineError } from '../../errors.ts'
import type { CheckpointKeeper } from './checkpoint-keeper.ts'
import type { MasterMessage } from '../deployment/messages.ts'
import type { RequestOutcome } from './savepoint-requests.ts'

type Persist = Extract<CoordinatorCommand, { kind: 'persist' }>
type Trigger = Extract<CoordinatorCommand, { kind: 'trigger' }>
type Untimed<Event> = Event extends CoordinatorEvent ? Omit<Event, 'atMs'> : never

export interface CoordinationParts {
  readonly coordinator: CheckpointCoordinator
  readonly clock: Clock
  readonly keeper: CheckpointKeeper
  readonly storage: Pick<CheckpointStorage, 'retire' | 'discard'>
}

/** What is not done here. */
export interface CoordinationHandler {
  /** To every slot that counts. */
  send(message: MasterMessage): void
  /** What each source's enumerator has to say for a checkpoint, by operator. */
  enumerators(): ReadonlyMap<number, unknown>
  requestDone(requestId: number, outcome: RequestOutcome): void
  log(record: LogRecord): void
  /** Too many checkpoints have failed. */
  failed(error: Error): void
  /** The final checkpoint is complete. */
  finish(stopped: boolean): void
}

export class Coordination {
  readonly #parts: CoordinationParts
  readonly #handler: CoordinationHandler
  readonly #enumeratorSnapshots: Map<number, ReadonlyMap<number, unknown>> = new Map()
  /** What subtasks said when they declined. */
  readonly #declined: Map<number, string> = new Map()
  /** The last checkpoint that failed by the job's own fault. */
  #failedByJob: number | undefined
  /** Writing metadata, removing files. */
  readonly #storing: Set<Promise<void>> = new Set()
  #wake: Cancel | undefined
  #over = false

  constructor(parts: CoordinationParts, handler: CoordinationHandler) {
    this.#parts = parts
    this.#handler = handler
  }

  /** Something has happened, now. */
  tell(event: Untimed<CoordinatorEvent>): void {
    if (this.#over && event.kind !== 'close') return
    const atMs = this.#parts.clock.monotonic()
    for (const command of this.#parts.coordinator.on({ ...event, atMs })) this.#perform(command)
  }

  /** A subtask has something to say. */
  hear(message: CoordinatorMessage): void {
    if (message.kind === 'declined' && message.error !== undefined) this.#declined.set(message.checkpointId, message.error)
    if (message.kind === 'declined' && message.byJob === true) this.#failedByJob = message.checkpointId
    this.tell(message)
  }

  /** The attempt has its outcome. `reason`: what is said to whoever still waits for a checkpoint; after the final one nobody does. */
  end(reason: 'task-failed' | 'closed'): void {
    this.#over = true
    this.#wake?.()
    this.tell({ kind: 'close', reason })
  }

  /** Nothing is being written or removed any more. */
  async settled(): Promise<void> {
    while (this.#storing.size > 0) await Promise.all(this.#storing)
  }

  #perform(command: CoordinatorCommand): void {
    const { keeper, storage } = this.#parts
    switch (command.kind) {
      case 'trigger':
        return this.#trigger(command)
      case 'drain':
        return this.#handler.send({ kind: 'drain' })
      case 'persist':
        return this.#persist(command)
      case 'notify-complete':
        this.#enumeratorSnapshots.delete(command.checkpointId)
        return this.#handler.send({ kind: 'complete', checkpointId: command.checkpointId, checkpoint: command.checkpoint })
      case 'notify-savepoint':
        keeper.savepointCompleted()
        this.#enumeratorSnapshots.delete(command.checkpointId)
        return this.#handler.send({ kind: 'savepoint-complete', checkpointId: command.checkpointId })
      case 'notify-aborted':
        this.#enumeratorSnapshots.delete(command.checkpointId)
        keeper.aborted(command.checkpointId, command.reason, command.error ?? this.#declined.get(command.checkpointId))
        this.#declined.delete(command.checkpointId)
        return this.#handler.send({ kind: 'aborted', checkpointId: command.checkpointId })
      case 'discard':
        return this.#inBackground(storage.discard(command.paths))
      case 'retire':
        return this.#inBackground(storage.retire(command.checkpointId))
      case 'held-back':
        return keeper.heldBack(command.sinks)
      case 'wake':
        return this.#setWake(command.atMs)
      case 'fail-job':
        return this.#handler.failed(checkpointFailure(command, command.checkpointId === this.#failedByJob))
      case 'finish':
        this.#wake?.()
        return this.#handler.finish(command.stopped)
      case 'request-done':
        return this.#handler.requestDone(command.requestId, command.outcome)
      default:
        command satisfies never
    }
  }

  #trigger(command: Trigger): void {
    const { checkpointId, triggeredMs, stopSources, unaligned, savepoint } = command
    this.#parts.keeper.triggered(command)
    try {
      this.#enumeratorSnapshots.set(checkpointId, this.#handler.enumerators())
    } catch (error) {
      return this.#handler.failed(error as Error) // nothing else is thrown there
    }
    this.#handler.send({
      kind: 'trigger',
      checkpointId,
      triggeredMs,
      completedId: this.#parts.coordinator.latestCompletedId ?? 0,
      stopSources,
      ...(unaligned === undefined ? {} : { unaligned }),
      ...(savepoint === undefined ? {} : { savepoint }),
    })
  }

  #persist(command: Persist): void {
    const { checkpointId } = command
    const persisted = this.#parts.keeper.persist(command, this.#enumeratorSnapshots.get(checkpointId) ?? new Map()).then(
      ({ metadataBytes }) => this.tell({ kind: 'persisted', checkpointId, metadataBytes }),
      (error: unknown) => this.tell({ kind: 'persist-failed', checkpointId, error: messageOf(error) }),
    )
    this.#awaitAtEnd(persisted)
  }

  /** Removing what nobody needs any more: a failure costs disk space, not correctness. */
  #inBackground(work: Promise<void>): void {
    const removed = work.catch((error: unknown) => {
      const message = `old checkpoint files could not be removed: ${messageOf(error)}`
      this.#handler.log({ timeMs: this.#parts.clock.now(), level: 'warn', message, fields: {} })
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
    if (atMs === undefined || this.#over) return
    const { clock } = this.#parts
    this.#wake = clock.after(Math.max(0, atMs - clock.monotonic()), () => this.tell({ kind: 'tick' }))
  }
}

function checkpointFailure({ checkpointId, reason, error }: Extract<CoordinatorCommand, { kind: 'fail-job' }>, byJob: boolean): Error {
  return engineError(byJob ? 'CHECKPOINT_FAILED_BY_JOB' : 'CHECKPOINT_FAILED', {
    checkpointId,
    problem: `${reason}${error === undefined ? '' : `: ${error}`}`,
  })
}
