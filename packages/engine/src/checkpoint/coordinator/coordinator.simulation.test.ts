import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CheckpointCoordinator } from './coordinator.ts'
import type { AbortReason, CoordinatorCommand, CoordinatorEvent, DeclineReason, SavepointTarget } from './coordinator-events.ts'
import type { SubtaskId } from '../handles.ts'
import type { CheckpointOptions } from '../options.ts'

/**
 * Subtasks, storage and a clock that do whatever they may, in any order, around a coordinator; beside them the model that watches:
 * it keeps its own account of what was triggered, acknowledged, written and announced, and objects to every command that does not follow.
 */
const ATTEMPT = 4
const declineReasons: readonly DeclineReason[] = ['snapshot-failed', 'superseded', 'cancelled-upstream', 'alignment-bytes', 'not-ready']

type Fate = 'collecting' | 'persisting' | 'completed' | 'aborted'

interface Watched {
  readonly checkpointId: number
  readonly kind: 'periodic' | 'manual' | 'savepoint' | 'final'
  readonly triggeredAtMs: number
  readonly baseId: number
  readonly savepoint: SavepointTarget | undefined
  readonly acknowledged: Set<number>
  fate: Fate
}

class Model {
  readonly options: CheckpointOptions
  readonly subtasks: readonly SubtaskId[]
  readonly checkpoints = new Map<number, Watched>()
  readonly restoredId: number | undefined
  kept: number[]
  latestId: number
  atMs = 0
  wakeAtMs: number | undefined
  over = false
  started = false
  stopAsked = false
  readonly inputFinished = new Set<number>()
  failuresInRow = 0
  lastPeriodicAtMs = 0
  lastEndAtMs: number | undefined
  readonly openRequests = new Set<number>()
  requestsWaiting = 0
  /** Folders of savepoints that are to be taken while the job goes on. */
  readonly savepointsWaiting: string[] = []
  /** What the final checkpoint is to be stored as. */
  finalSavepoint: string | undefined
  draining = false
  /** Completed checkpoints of which the output that subtask 0 has staged is not committed. */
  uncommitted: number[] = []
  saidHeldBack = false

  constructor(options: CheckpointOptions, subtasks: readonly SubtaskId[], restoredId: number | undefined) {
    this.options = options
    this.subtasks = subtasks
    this.restoredId = restoredId
    this.kept = restoredId === undefined ? [] : [restoredId]
    this.latestId = restoredId ?? 0
  }

  get maxConcurrent(): number {
    return this.options.minPauseMs > 0 ? 1 : this.options.maxConcurrent
  }

  pending(): Watched[] {
    return [...this.checkpoints.values()].filter(({ fate }) => fate === 'collecting' || fate === 'persisting')
  }

  finalDue(): boolean {
    return this.stopAsked || this.inputFinished.size === this.subtasks.length || (this.finalSavepoint !== undefined && !this.draining)
  }

  /** Whether periodic checkpoints, and those asked for, wait for a savepoint. */
  held(): boolean {
    return this.savepointsWaiting.length > 0 || this.pending().some(({ kind }) => kind === 'savepoint')
  }

  watch(command: CoordinatorCommand, event: CoordinatorEvent): void {
    switch (command.kind) {
      case 'trigger':
        return this.#trigger(command)
      case 'persist':
        return this.#persist(command.checkpointId, command.snapshots.length)
      case 'notify-complete':
        return this.#complete(command.checkpointId, event)
      case 'notify-savepoint':
        return this.#completeSavepoint(command.checkpointId, event)
      case 'drain':
        return assert.ok(event.kind === 'stop-with-savepoint' && event.drain)
      case 'notify-aborted':
        return this.#abort(command.checkpointId, command.reason, event)
      case 'discard':
        return this.#discard(command.checkpointId, command.paths)
      case 'retire':
        return this.#retire(command.checkpointId)
      case 'held-back':
        assert.ok(!this.saidHeldBack && this.uncommitted.length >= 2)
        assert.deepEqual(command.sinks, ['sink'])
        this.saidHeldBack = true
        return
      case 'wake':
        this.wakeAtMs = command.atMs
        return
      case 'request-done':
        assert.ok(this.openRequests.delete(command.requestId), 'answered once')
        if (command.outcome.kind === 'completed') this.#answered(command.outcome.checkpointId)
        return
      case 'fail-job':
        assert.ok(!this.over)
        assert.ok(
          this.failuresInRow > this.options.tolerableFailures || this.#isFailedStop(command.checkpointId),
          'the job bears as many failures as it says',
        )
        this.over = true
        return
      case 'finish':
        assert.equal(this.checkpoints.get(command.checkpointId)?.kind, 'final')
        this.over = true
        return
    }
  }

  #answered(checkpointId: number): void {
    const { kind, fate } = this.checkpoints.get(checkpointId)!
    assert.equal(fate, 'completed')
    // The snapshot of subtask 0 has staged output in it.
    if (kind === 'savepoint') assert.ok(this.latestId > checkpointId, 'what was staged is in a later checkpoint')
  }

  #isFailedStop(checkpointId: number): boolean {
    const checkpoint = this.checkpoints.get(checkpointId)
    return this.stopAsked && checkpoint?.kind === 'final' && checkpoint.savepoint === undefined
  }

  #trigger({ checkpointId, checkpoint: kind, savepoint }: Extract<CoordinatorCommand, { kind: 'trigger' }>): void {
    assert.ok(this.started && !this.over)
    assert.ok(checkpointId > Math.max(this.restoredId ?? 0, ...this.checkpoints.keys()), 'ids ascend')
    const pending = this.pending()
    if (kind === 'final') {
      assert.ok(this.finalDue())
      assert.ok(pending.every((other) => other.kind !== 'final'))
      assert.deepEqual(savepoint, this.finalSavepoint === undefined ? undefined : { dir: this.finalSavepoint, isCheckpoint: true })
    } else if (kind === 'savepoint') {
      assert.ok(!this.finalDue())
      assert.equal(pending.length, 0, 'a savepoint is taken alone')
      assert.deepEqual(savepoint, { dir: this.savepointsWaiting.shift(), isCheckpoint: false })
    } else {
      assert.ok(!this.held(), 'a savepoint is not disturbed')
      assert.equal(savepoint, undefined)
      assert.ok(!this.finalDue())
      assert.ok(pending.length < this.maxConcurrent, 'not too many at a time')
    }
    if (kind === 'periodic') {
      assert.ok(
        this.options.intervalMs !== undefined && this.atMs - this.lastPeriodicAtMs >= this.options.intervalMs,
        'the interval is kept',
      )
      assert.ok(this.lastEndAtMs === undefined || this.atMs - this.lastEndAtMs >= this.options.minPauseMs, 'the pause is kept')
      const waitedMs =
        this.atMs - Math.max(this.lastPeriodicAtMs + this.options.intervalMs, (this.lastEndAtMs ?? 0) + this.options.minPauseMs)
      if (this.uncommitted.length >= 2) assert.ok(this.saidHeldBack && waitedMs >= this.options.timeoutMs, 'it waits for commits')
      this.lastPeriodicAtMs = this.atMs
    }
    if (kind !== 'savepoint') this.requestsWaiting = 0
    const facts = { savepoint, checkpointId, kind, triggeredAtMs: this.atMs, baseId: this.latestId, acknowledged: new Set<number>() }
    this.checkpoints.set(checkpointId, { ...facts, fate: 'collecting' })
  }

  #persist(checkpointId: number, snapshots: number): void {
    const checkpoint = this.checkpoints.get(checkpointId)!
    assert.equal(checkpoint.fate, 'collecting')
    assert.equal(checkpoint.acknowledged.size, this.subtasks.length, 'every subtask has acknowledged')
    assert.equal(snapshots, this.subtasks.length)
    assert.ok(
      this.pending().every(({ fate }) => fate !== 'persisting'),
      'one at a time',
    )
    assert.ok(checkpointId > this.latestId)
    checkpoint.fate = 'persisting'
  }

  #complete(checkpointId: number, event: CoordinatorEvent): void {
    assert.ok(event.kind === 'persisted' && event.checkpointId === checkpointId, 'nothing is complete before it is durable')
    const checkpoint = this.checkpoints.get(checkpointId)!
    assert.equal(checkpoint.fate, 'persisting')
    assert.ok(checkpointId > this.latestId)
    checkpoint.fate = 'completed'
    this.latestId = checkpointId
    this.kept.push(checkpointId)
    this.uncommitted.push(checkpointId)
    this.failuresInRow = 0
    this.lastEndAtMs = this.atMs
    assert.ok(
      this.pending().every((other) => other.checkpointId > checkpointId),
      'older ones are given up first',
    )
  }

  #completeSavepoint(checkpointId: number, event: CoordinatorEvent): void {
    assert.ok(event.kind === 'persisted' && event.checkpointId === checkpointId, 'nothing is complete before it is durable')
    const checkpoint = this.checkpoints.get(checkpointId)!
    assert.equal(checkpoint.fate, 'persisting')
    assert.equal(checkpoint.kind, 'savepoint')
    checkpoint.fate = 'completed'
    this.lastEndAtMs = this.atMs
  }

  #abort(checkpointId: number, reason: AbortReason, event: CoordinatorEvent): void {
    const checkpoint = this.checkpoints.get(checkpointId)!
    assert.ok(
      checkpoint.fate === 'collecting' ||
        (checkpoint.fate === 'persisting' && reason === 'persist-failed' && event.kind === 'persist-failed'),
    )
    if (reason === 'timeout') assert.ok(this.atMs - checkpoint.triggeredAtMs >= this.options.timeoutMs)
    if (reason === 'subsumed') assert.ok(event.kind === 'persisted' && event.checkpointId > checkpointId)
    const counts =
      reason === 'snapshot-failed' ||
      reason === 'persist-failed' ||
      (checkpoint.kind === 'final' && reason !== 'closed' && reason !== 'task-failed')
    if (counts && checkpoint.savepoint === undefined) this.failuresInRow++
    // The job goes on without; at the end of an attempt it makes no difference any more.
    if (checkpoint.kind === 'final' && checkpoint.savepoint !== undefined) this.finalSavepoint = undefined
    checkpoint.fate = 'aborted'
    this.lastEndAtMs = this.atMs
  }

  #discard(checkpointId: number, paths: readonly string[]): void {
    for (const path of paths) {
      const owner = this.checkpoints.get(Number(path.split('-')[0]))
      assert.ok(owner?.checkpointId === checkpointId)
      // The folder of a savepoint goes as a whole. Late messages do no harm.
      // Of a message of another attempt even a completed one may be named: storage knows what is in use.
      if (!path.endsWith('stale')) assert.ok(owner.fate === 'aborted', `discarded ${path} of a checkpoint that is ${owner.fate}`)
    }
  }

  #retire(checkpointId: number): void {
    assert.equal(this.kept.shift(), checkpointId)
    assert.ok(this.kept.length >= this.options.numRetained, 'enough are kept')
    for (const pending of this.pending())
      assert.ok(pending.baseId > checkpointId, `checkpoint ${pending.checkpointId} may build on ${checkpointId}`)
  }

  /** What must hold after every event. */
  check(coordinator: CheckpointCoordinator): void {
    const pending = this.pending()
    const { inProgress, completed } = coordinator.statistics()
    assert.equal(inProgress, pending.length)
    assert.equal(completed, [...this.checkpoints.values()].filter(({ fate }) => fate === 'completed').length)
    if (this.over) {
      assert.equal(this.wakeAtMs, undefined)
      assert.ok(pending.every(({ fate }) => fate === 'persisting'))
      assert.equal(this.openRequests.size, 0)
      return
    }
    if (!this.started) return
    for (const checkpoint of pending) {
      const isCollecting = checkpoint.fate === 'collecting' && checkpoint.acknowledged.size < this.subtasks.length
      if (isCollecting)
        assert.ok(
          this.wakeAtMs !== undefined && this.wakeAtMs <= checkpoint.triggeredAtMs + this.options.timeoutMs,
          'wakes for the time limit',
        )
    }
    if (this.finalDue())
      assert.ok(pending.some(({ kind }) => kind === 'final') || this.wakeAtMs !== undefined, 'the final checkpoint comes')
    else if (this.held()) assert.ok(pending.length > 0, 'savepoints do not wait for nothing')
    else if (pending.length < this.maxConcurrent) {
      assert.equal(this.requestsWaiting, 0, 'requests do not wait for nothing')
      if (this.options.intervalMs !== undefined)
        assert.ok(this.wakeAtMs !== undefined, 'the next periodic one comes, whatever is committed')
    }
    if (pending.length === 0) assert.ok(this.kept.length <= Math.max(this.options.numRetained, 1), 'no more than retained is kept')
  }
}

interface World {
  readonly model: Model
  readonly coordinator: CheckpointCoordinator
  nextRequest: number
}

function tell(world: World, event: CoordinatorEvent): void {
  for (const command of world.coordinator.on(event)) world.model.watch(command, event)
  world.model.check(world.coordinator)
}

function snapshotOf(path: string): Extract<CoordinatorEvent, { kind: 'acknowledged' }>['snapshot'] {
  const operators = [{ stateId: 'sink', keyed: [], ...(path.endsWith('0') ? { sinkHandles: [1] } : {}) }]
  const timings = {
    startDelayMs: 0,
    alignmentMs: 0,
    alignmentBytes: 0,
    unaligned: false,
    inFlightBytes: 0,
    syncMs: 0,
    asyncMs: 0,
    writtenBytes: 1,
    stateBytes: 1,
  }
  return { operators, newFiles: [{ path, length: 1, crc32: 0 }], timings }
}

/** One thing that happens, chosen by two numbers. */
function act(world: World, action: number, choice: number): void {
  const { model } = world
  const { atMs } = model
  const ids = [...model.checkpoints.keys()].slice(-4)
  const checkpointId = ids.length === 0 ? undefined : ids[choice % ids.length]!
  const index = Math.floor(choice / 7) % model.subtasks.length
  const subtask = model.subtasks[index]!
  const persisting = model.pending().find(({ fate }) => fate === 'persisting')
  if (action < 40 && checkpointId !== undefined) {
    const watched = model.checkpoints.get(checkpointId)!
    if (!model.over && watched.fate === 'collecting') watched.acknowledged.add(index)
    const snapshot = snapshotOf(`${checkpointId}-${index}`)
    // A second acknowledgement of what is decided already would name files in use: subtasks send one only.
    if (watched.fate !== 'completed' && watched.fate !== 'persisting')
      tell(world, { kind: 'acknowledged', attempt: ATTEMPT, subtask, checkpointId, snapshot, atMs })
  } else if (action < 44 && checkpointId !== undefined) {
    const reason = declineReasons[choice % declineReasons.length]!
    tell(world, { kind: 'declined', attempt: ATTEMPT, subtask, checkpointId, reason, atMs })
  } else if (action < 46 && checkpointId !== undefined) {
    tell(world, { kind: 'acknowledged', attempt: ATTEMPT - 1, subtask, checkpointId, snapshot: snapshotOf(`${checkpointId}-stale`), atMs })
    tell(world, { kind: 'declined', attempt: ATTEMPT - 1, subtask, checkpointId, reason: 'snapshot-failed', atMs })
  } else if (action < 70 && persisting !== undefined) {
    const failed = choice % 5 === 0
    const event = { checkpointId: persisting.checkpointId, atMs }
    tell(world, failed ? { kind: 'persist-failed', error: 'disk', ...event } : { kind: 'persisted', metadataBytes: 1, ...event })
  } else if (action < 73 && model.uncommitted.length > 0) {
    const committed = model.uncommitted[choice % model.uncommitted.length]!
    model.uncommitted = model.uncommitted.filter((id) => id > committed)
    tell(world, { kind: 'committed', attempt: ATTEMPT, subtask: model.subtasks[0]!, stateId: 'sink', checkpointId: committed, atMs })
  } else if (action < 88) {
    model.atMs = model.wakeAtMs === undefined || choice % 3 === 0 ? atMs + (choice % 50) : Math.max(atMs, model.wakeAtMs)
    tell(world, { kind: 'tick', atMs: model.atMs })
  } else if (action < 92) {
    model.openRequests.add(world.nextRequest)
    model.requestsWaiting++
    tell(world, { kind: 'request', requestId: world.nextRequest++, atMs })
  } else if (action < 97 && choice % 4 === 0) {
    model.inputFinished.add(index)
    tell(world, { kind: 'input-finished', attempt: ATTEMPT, subtask, atMs })
  } else if (action === 97 && choice % 3 === 0 && !model.finalDue()) {
    model.stopAsked = true
    tell(world, { kind: 'stop', atMs })
  } else if (action === 98 && choice % 5 === 0) {
    model.over = true
    tell(world, { kind: 'close', reason: 'task-failed', atMs })
  } else if (action === 99 && model.started && !model.over) {
    askForSavepoint(world, choice)
  } else if (!model.started) {
    model.started = true
    model.lastPeriodicAtMs = atMs
    tell(world, { kind: 'started', atMs })
  }
}

function askForSavepoint(world: World, choice: number): void {
  const { model } = world
  const { atMs } = model
  const requestId = world.nextRequest++
  const dir = `/savepoints/${requestId}`
  model.openRequests.add(requestId)
  if (choice % 4 < 2) {
    model.savepointsWaiting.push(dir)
    return tell(world, { kind: 'savepoint', requestId, dir, atMs })
  }
  const drain = choice % 4 === 3
  const isTaken = model.finalDue() || model.finalSavepoint !== undefined
  if (!isTaken) {
    model.finalSavepoint = dir
    model.draining = drain
  }
  tell(world, { kind: 'stop-with-savepoint', requestId, dir, drain, atMs })
  if (isTaken) assert.ok(!model.openRequests.has(requestId), 'refused at once')
}

const options: fc.Arbitrary<CheckpointOptions> = fc
  .record({
    intervalMs: fc.constantFrom(undefined, 10, 100),
    minPauseMs: fc.constantFrom(0, 0, 30),
    timeoutMs: fc.constantFrom(40, 200),
    maxConcurrent: fc.integer({ min: 1, max: 3 }),
    tolerableFailures: fc.constantFrom(0, 1, 5),
    numRetained: fc.integer({ min: 1, max: 3 }),
  })
  .map((some) => ({ ...some, mode: 'exactly-once', retainOnCancel: false }))

describe('checkpoint coordinator, simulated', () => {
  it('only does what follows from what it was told', () => {
    const reached = new Map<string, number>()
    fc.assert(
      fc.property(
        options,
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(undefined, 3),
        fc.array(fc.tuple(fc.nat(99), fc.nat(1_000)), { minLength: 40, maxLength: 300, size: 'max' }),
        (chosen, parallelism, restoredId, actions) => {
          const subtasks = Array.from({ length: parallelism }, (_, subtask) => ({ task: 0, subtask }))
          const completed = restoredId === undefined ? [] : [restoredId]
          const coordinator = new CheckpointCoordinator({
            options: chosen,
            attempt: ATTEMPT,
            subtasks,
            nextCheckpointId: 5,
            completed,
            lost: [],
            restoredId,
            wallClockOffsetMs: () => 0,
          })
          const world: World = { coordinator, model: new Model(chosen, subtasks, restoredId), nextRequest: 1 }
          act(world, 99, 0)
          for (const [action, choice] of actions) act(world, action, choice)
          for (const { fate, kind, savepoint } of world.model.checkpoints.values()) {
            if (savepoint === undefined) continue
            const name = `${kind} savepoint ${fate}`
            reached.set(name, (reached.get(name) ?? 0) + 1)
          }
          if (world.model.saidHeldBack) reached.set('held back', (reached.get('held back') ?? 0) + 1)
          for (const { outcome } of coordinator.statistics().history) {
            const name = outcome.kind === 'completed' ? 'completed' : outcome.reason
            reached.set(name, (reached.get(name) ?? 0) + 1)
          }
        },
      ),
      { numRuns: 500 },
    )
    const savepoints = ['savepoint', 'final'].flatMap((kind) => [`${kind} savepoint completed`, `${kind} savepoint aborted`])
    for (const situation of [
      'completed',
      'subsumed',
      'timeout',
      'persist-failed',
      'snapshot-failed',
      'task-failed',
      'held back',
      ...savepoints,
    ]) {
      assert.ok((reached.get(situation) ?? 0) >= 5, `hardly ever ${situation}: ${JSON.stringify([...reached])}`)
    }
  })
})
