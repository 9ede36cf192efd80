import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CoordinatorConfig } from './coordinator-config.ts'
import { CheckpointCoordinator } from './coordinator.ts'
import type { CoordinatorCommand, CoordinatorEvent, DeclineReason } from './coordinator-events.ts'
import type { SubtaskSnapshot } from '../handles.ts'
import type { CheckpointOptions } from '../options.ts'

const subtasks = [
  { task: 0, subtask: 0 },
  { task: 1, subtask: 0 },
]

const timings = {
  startDelayMs: 1,
  alignmentMs: 2,
  alignmentBytes: 0,
  unaligned: false,
  inFlightBytes: 0,
  syncMs: 3,
  asyncMs: 4,
  writtenBytes: 10,
  stateBytes: 100,
}

function snapshotOf(path?: string): SubtaskSnapshot {
  return { operators: [], newFiles: path === undefined ? [] : [{ path, length: 1, crc32: 0 }], timings }
}

const defaults: CheckpointOptions = {
  intervalMs: 100,
  mode: 'exactly-once',
  minPauseMs: 0,
  timeoutMs: 1_000,
  maxConcurrent: 1,
  tolerableFailures: 0,
  numRetained: 1,
  retainOnCancel: false,
}

/** A coordinator with the commands it gave, without `wake`. */
class Script {
  readonly coordinator: CheckpointCoordinator
  wakeAtMs: number | undefined
  atMs = 0

  constructor(options: Partial<CheckpointOptions> = {}, config: Partial<CoordinatorConfig> = {}) {
    const all = {
      options: { ...defaults, ...options },
      attempt: 3,
      subtasks,
      nextCheckpointId: 1,
      completed: [],
      lost: [],
      restoredId: undefined,
      wallClockOffsetMs: () => 5_000_000.5,
      ...config,
    }
    this.coordinator = new CheckpointCoordinator(all)
  }

  on(event: CoordinatorEvent extends infer E ? (E extends unknown ? Omit<E, 'atMs'> : never) : never): CoordinatorCommand[] {
    const commands = this.coordinator.on({ ...event, atMs: this.atMs })
    for (const command of commands) if (command.kind === 'wake') this.wakeAtMs = command.atMs
    return commands.filter((command) => command.kind !== 'wake')
  }

  tickAt(atMs: number): CoordinatorCommand[] {
    this.atMs = atMs
    return this.on({ kind: 'tick' })
  }

  acknowledge(checkpointId: number, subtask: number, path?: string, attempt = 3): CoordinatorCommand[] {
    return this.on({ kind: 'acknowledged', attempt, subtask: subtasks[subtask]!, checkpointId, snapshot: snapshotOf(path) })
  }

  decline(checkpointId: number, reason: DeclineReason, attempt = 3): CoordinatorCommand[] {
    return this.on({ kind: 'declined', attempt, subtask: subtasks[0]!, checkpointId, reason, error: 'why' })
  }

  finishInput(): CoordinatorCommand[] {
    return subtasks.flatMap((subtask) => this.on({ kind: 'input-finished', attempt: 3, subtask }))
  }

  persisted(checkpointId: number): CoordinatorCommand[] {
    return this.on({ kind: 'persisted', checkpointId, metadataBytes: 5 })
  }

  complete(checkpointId: number): CoordinatorCommand[] {
    return [...this.acknowledge(checkpointId, 0), ...this.acknowledge(checkpointId, 1), ...this.persisted(checkpointId)]
  }
}

const kinds = (commands: readonly CoordinatorCommand[]): string[] =>
  commands.map((command) => ('checkpointId' in command ? `${command.kind} ${command.checkpointId}` : command.kind))

describe('checkpoint coordinator', () => {
  it('triggers after the interval, persists with the last snapshot, announces once durable', () => {
    const script = new Script()
    assert.deepEqual(script.on({ kind: 'started' }), [])
    assert.equal(script.wakeAtMs, 100)
    assert.deepEqual(script.tickAt(99), [])
    assert.deepEqual(script.tickAt(100), [
      { kind: 'trigger', checkpointId: 1, checkpoint: 'periodic', triggeredMs: 5_000_100, stopSources: false },
    ])
    assert.equal(script.wakeAtMs, 1_100)
    assert.deepEqual(script.acknowledge(1, 0), [])
    const [persist] = script.acknowledge(1, 1)
    assert.equal(persist?.kind === 'persist' && persist.snapshots.length, 2)
    assert.equal(script.wakeAtMs, undefined, 'what is being written does not time out')
    assert.deepEqual(kinds(script.persisted(1)), ['notify-complete 1'])
    assert.deepEqual(kinds(script.tickAt(200)), ['trigger 2'])
  })

  it('is woken again by a timer that fired a little too early', () => {
    const script = new Script()
    script.on({ kind: 'started' })
    script.wakeAtMs = undefined
    assert.deepEqual(script.tickAt(99.7), [])
    assert.equal(script.wakeAtMs, 100)
    assert.deepEqual(kinds(script.tickAt(100)), ['trigger 1'])
  })

  it('starts the next at once when one took longer than the interval, and only one', () => {
    const script = new Script()
    script.on({ kind: 'started' })
    script.tickAt(100)
    assert.deepEqual(script.tickAt(350), [])
    assert.deepEqual(kinds(script.complete(1)), ['persist 1', 'notify-complete 1', 'trigger 2'])
    script.complete(2)
    assert.equal(script.wakeAtMs, 450)
  })

  it('keeps the pause between the end of one and the start of the next', () => {
    const script = new Script({ minPauseMs: 80 })
    script.on({ kind: 'started' })
    script.tickAt(100)
    script.atMs = 190
    script.complete(1)
    assert.equal(script.wakeAtMs, 270)
    assert.deepEqual(script.tickAt(269), [])
    assert.deepEqual(kinds(script.tickAt(270)), ['trigger 2'])
  })

  it('gives up what takes too long, without failing the job, and takes late snapshots away', () => {
    const script = new Script({ intervalMs: 5_000 })
    script.on({ kind: 'started' })
    script.tickAt(5_000)
    script.acknowledge(1, 0, 'a')
    assert.deepEqual(kinds(script.tickAt(6_000)), ['notify-aborted 1', 'discard 1'])
    assert.deepEqual(script.acknowledge(1, 1, 'b'), [{ kind: 'discard', checkpointId: 1, paths: ['b'] }])
    assert.equal(script.coordinator.statistics().lastFailed?.outcome.kind, 'failed')
    assert.equal(script.coordinator.statistics().failed, 1)
  })

  it('fails the job only for more failed snapshots in a row than it bears', () => {
    const script = new Script({ tolerableFailures: 1 })
    script.on({ kind: 'started' })
    script.tickAt(100)
    assert.deepEqual(script.decline(1, 'snapshot-failed'), [
      { kind: 'notify-aborted', checkpointId: 1, reason: 'snapshot-failed', error: 'why' },
    ])
    script.tickAt(200)
    script.complete(2)
    script.tickAt(300)
    assert.deepEqual(kinds(script.decline(3, 'alignment-bytes')), ['notify-aborted 3'])
    script.tickAt(400)
    assert.deepEqual(kinds(script.decline(4, 'snapshot-failed')), ['notify-aborted 4'])
    script.tickAt(500)
    script.acknowledge(5, 0)
    script.acknowledge(5, 1)
    const commands = script.on({ kind: 'persist-failed', checkpointId: 5, error: 'disk full' })
    assert.deepEqual(commands.at(-1), { kind: 'fail-job', checkpointId: 5, reason: 'persist-failed', failures: 2, error: 'disk full' })
    assert.deepEqual(script.tickAt(9_000), [])
  })

  it('persists in order and lets a newer complete one do for older ones', () => {
    const script = new Script({ maxConcurrent: 3 })
    script.on({ kind: 'started' })
    for (const atMs of [100, 200, 300]) script.tickAt(atMs)
    script.acknowledge(1, 0, 'old')
    assert.deepEqual(kinds([...script.acknowledge(3, 0), ...script.acknowledge(3, 1)]), ['persist 3'])
    assert.deepEqual(kinds([...script.acknowledge(2, 0), ...script.acknowledge(2, 1)]), [])
    assert.deepEqual(kinds(script.persisted(3)), ['notify-aborted 1', 'discard 1', 'notify-aborted 2', 'notify-complete 3'])
    assert.deepEqual(script.acknowledge(1, 1, 'older'), [{ kind: 'discard', checkpointId: 1, paths: ['older'] }])
    const { subsumed, failed, completed } = script.coordinator.statistics()
    assert.deepEqual({ subsumed, failed, completed }, { subsumed: 2, failed: 0, completed: 1 })
  })

  it('writes what was ready behind a failed one', () => {
    const script = new Script({ maxConcurrent: 2, tolerableFailures: 1 })
    script.on({ kind: 'started' })
    script.tickAt(100)
    script.tickAt(200)
    for (const id of [2, 1]) for (const subtask of [0, 1]) script.acknowledge(id, subtask)
    assert.deepEqual(kinds(script.on({ kind: 'persist-failed', checkpointId: 2, error: 'x' })), ['notify-aborted 2', 'persist 1'])
  })

  it('ignores messages of another attempt and repeated ones', () => {
    const script = new Script()
    script.on({ kind: 'started' })
    script.tickAt(100)
    assert.deepEqual(kinds(script.acknowledge(1, 0, 'x', 2)), ['discard 1'])
    assert.deepEqual(script.decline(1, 'snapshot-failed', 2), [])
    script.acknowledge(1, 0, 'a')
    assert.deepEqual(script.acknowledge(1, 0, 'a'), [])
    assert.deepEqual(script.persisted(1), [], 'nobody asked for it')
    assert.deepEqual(kinds(script.acknowledge(1, 1)), ['persist 1'])
  })

  it('answers all requests with one checkpoint, without waiting for the interval', () => {
    const script = new Script({ intervalMs: undefined })
    script.on({ kind: 'started' })
    assert.equal(script.wakeAtMs, undefined)
    assert.deepEqual(kinds(script.on({ kind: 'request', requestId: 7 })), ['trigger 1'])
    script.on({ kind: 'request', requestId: 8 })
    script.on({ kind: 'request', requestId: 9 })
    const first = script.complete(1)
    assert.deepEqual(kinds(first), ['persist 1', 'notify-complete 1', 'request-done', 'trigger 2'])
    assert.deepEqual(
      script
        .complete(2)
        .filter((command) => command.kind === 'request-done')
        .map((command) => command.requestId),
      [8, 9],
    )
  })

  it('takes the final checkpoint when all input has ended', () => {
    const script = new Script({ intervalMs: undefined })
    script.finishInput()
    assert.deepEqual(script.on({ kind: 'started' }), [
      { kind: 'trigger', checkpointId: 1, checkpoint: 'final', triggeredMs: 5_000_000, stopSources: false },
    ])
    const commands = script.complete(1)
    assert.deepEqual(kinds(commands), ['persist 1', 'notify-complete 1', 'finish 1'])
    assert.deepEqual(commands.at(-1), { kind: 'finish', checkpointId: 1, stopped: false })
    assert.deepEqual(
      script.on({ kind: 'request', requestId: 1 }).map((command) => command.kind),
      ['request-done'],
    )
  })

  it('tries the final checkpoint at the end of input again, as often as failures are tolerated', () => {
    const script = new Script({ intervalMs: undefined, tolerableFailures: 1 })
    script.on({ kind: 'started' })
    script.finishInput()
    assert.deepEqual(kinds(script.tickAt(1_000)), ['notify-aborted 1'])
    assert.equal(script.wakeAtMs, 2_000)
    assert.deepEqual(kinds(script.tickAt(2_000)), ['trigger 2'])
    assert.deepEqual(kinds(script.decline(2, 'not-ready')), ['notify-aborted 2', 'fail-job 2'])
  })

  it('stops with a final checkpoint beside one under way', () => {
    const script = new Script()
    script.on({ kind: 'started' })
    script.tickAt(100)
    assert.deepEqual(script.on({ kind: 'stop' }), [
      { kind: 'trigger', checkpointId: 2, checkpoint: 'final', triggeredMs: 5_000_100, stopSources: true },
    ])
    assert.deepEqual(script.on({ kind: 'stop' }), [])
    assert.deepEqual(kinds(script.complete(2)), ['persist 2', 'notify-aborted 1', 'notify-complete 2', 'finish 2'])
  })

  it('fails the job when the final checkpoint of a stop fails: its sources have stopped', () => {
    const script = new Script({ tolerableFailures: 100 })
    script.on({ kind: 'started' })
    script.on({ kind: 'stop' })
    assert.deepEqual(kinds(script.decline(1, 'alignment-time')), ['notify-aborted 1', 'fail-job 1'])
  })

  it('gives up everything on close but what is being written', () => {
    const script = new Script({ maxConcurrent: 2 })
    script.on({ kind: 'started' })
    script.tickAt(100)
    script.tickAt(200)
    script.acknowledge(1, 0)
    script.acknowledge(1, 1)
    script.acknowledge(2, 1, 'b')
    assert.deepEqual(kinds(script.on({ kind: 'close', reason: 'task-failed' })), ['notify-aborted 2', 'discard 2'])
    assert.deepEqual(script.persisted(1), [])
    assert.equal(script.wakeAtMs, undefined)
    assert.equal(script.coordinator.nextCheckpointId, 3)
  })

  it('retires what retention leaves over, but nothing a pending checkpoint may build on', () => {
    const script = new Script({ maxConcurrent: 2 }, { nextCheckpointId: 10, completed: [9], restoredId: 9 })
    script.on({ kind: 'started' })
    script.tickAt(100)
    script.tickAt(200)
    assert.deepEqual(kinds(script.complete(10)), ['persist 10', 'notify-complete 10'], '11 was triggered when 9 was the newest')
    assert.deepEqual(kinds(script.complete(11)), ['persist 11', 'notify-complete 11', 'retire 9', 'retire 10'])
  })

  it('keeps the restored checkpoint before newer ones that it passed over', () => {
    const script = new Script({ numRetained: 2 }, { nextCheckpointId: 10, completed: [5, 6, 9], restoredId: 6 })
    script.on({ kind: 'started' })
    script.tickAt(100)
    assert.deepEqual(kinds(script.decline(10, 'superseded')), ['notify-aborted 10'], 'nothing goes before something new is complete')
    script.tickAt(200)
    assert.deepEqual(kinds(script.complete(11)), ['persist 11', 'notify-complete 11', 'retire 5', 'retire 9'])
    assert.equal(script.coordinator.latestCompletedId, 11)
  })

  it('keeps account of each checkpoint and subtask', () => {
    const script = new Script()
    script.on({ kind: 'started' })
    script.tickAt(100)
    script.atMs = 130
    script.acknowledge(1, 0)
    script.atMs = 150
    script.acknowledge(1, 1)
    script.persisted(1)
    const { lastCompleted, ...counts } = script.coordinator.statistics()
    assert.deepEqual([counts.triggered, counts.completed, counts.inProgress], [1, 1, 0])
    assert.deepEqual([lastCompleted?.durationMs, lastCompleted?.stateBytes, lastCompleted?.writtenBytes], [50, 200, 25])
    assert.deepEqual(
      lastCompleted?.subtasks.map((subtask) => subtask.delayMs),
      [30, 50],
    )
    for (let id = 2; id < 30; id++) {
      script.tickAt(id * 100)
      script.complete(id)
    }
    assert.deepEqual(
      script.coordinator.statistics().history.map((record) => record.checkpointId),
      [20, 21, 22, 23, 24, 25, 26, 27, 28, 29],
    )
  })

  it('takes a savepoint alone, and builds nothing on it', () => {
    const script = new Script({ maxConcurrent: 3 })
    script.on({ kind: 'started' })
    assert.deepEqual(kinds(script.tickAt(100)), ['trigger 1'])
    assert.deepEqual(kinds(script.on({ kind: 'savepoint', requestId: 7, dir: '/s' })), [])
    assert.deepEqual(kinds(script.tickAt(200)), [], 'nothing begins before it')
    const done = script.complete(1)
    assert.deepEqual(kinds(done), ['persist 1', 'notify-complete 1', 'trigger 2'])
    const trigger = done.at(-1)
    assert.deepEqual(trigger?.kind === 'trigger' && trigger.savepoint, { dir: '/s', isCheckpoint: false })
    assert.deepEqual(kinds(script.tickAt(300)), [], 'nothing begins beside it')
    const saved = script.complete(2)
    assert.deepEqual(kinds(saved), ['persist 2', 'notify-savepoint 2', 'request-done', 'trigger 3'])
    assert.equal(script.coordinator.latestCompletedId, 1)
    assert.deepEqual(kinds(script.complete(3)), ['persist 3', 'notify-complete 3', 'retire 1'])
  })

  it('announces a savepoint with staged output after a checkpoint more', () => {
    const script = new Script({ intervalMs: undefined })
    script.on({ kind: 'started' })
    assert.deepEqual(kinds(script.on({ kind: 'savepoint', requestId: 7, dir: '/s' })), ['trigger 1'])
    const snapshot = { ...snapshotOf(), operators: [{ stateId: 'out', keyed: [], sinkHandles: ['part'] }] }
    script.on({ kind: 'acknowledged', attempt: 3, subtask: subtasks[0]!, checkpointId: 1, snapshot })
    script.acknowledge(1, 1)
    assert.deepEqual(kinds(script.persisted(1)), ['notify-savepoint 1', 'trigger 2'])
    const commands = script.complete(2)
    assert.deepEqual(
      commands.find(({ kind }) => kind === 'request-done'),
      { kind: 'request-done', requestId: 7, outcome: { kind: 'completed', checkpointId: 1 } },
    )
  })

  it('a failed savepoint never fails the job, and one that stops it lets it go on', () => {
    const script = new Script({ intervalMs: undefined })
    script.on({ kind: 'started' })
    script.on({ kind: 'savepoint', requestId: 7, dir: '/s' })
    assert.deepEqual(kinds(script.decline(1, 'snapshot-failed')), ['notify-aborted 1', 'request-done'])
    assert.deepEqual(kinds(script.on({ kind: 'stop-with-savepoint', requestId: 8, dir: '/t', drain: false })), ['trigger 2'])
    assert.deepEqual(kinds(script.decline(2, 'snapshot-failed')), ['notify-aborted 2', 'request-done'])
    assert.deepEqual(kinds(script.on({ kind: 'request', requestId: 9 })), ['trigger 3'], 'it goes on')
  })

  it('a stop asked for while a savepoint is to stop the job takes its place when that fails', () => {
    const script = new Script({ intervalMs: undefined })
    script.on({ kind: 'started' })
    script.on({ kind: 'stop-with-savepoint', requestId: 8, dir: '/t', drain: false })
    assert.deepEqual(kinds(script.on({ kind: 'stop' })), [])
    assert.deepEqual(kinds(script.decline(1, 'snapshot-failed')), ['notify-aborted 1', 'request-done', 'trigger 2'])
    assert.deepEqual(kinds(script.complete(2)), ['persist 2', 'notify-complete 2', 'finish 2'])
  })

  it('drained, the sources end first and the final checkpoint is the savepoint', () => {
    const script = new Script({ intervalMs: undefined })
    script.on({ kind: 'started' })
    assert.deepEqual(script.on({ kind: 'stop-with-savepoint', requestId: 8, dir: '/t', drain: true }), [{ kind: 'drain' }])
    const [trigger] = script.finishInput()
    assert.deepEqual(trigger?.kind === 'trigger' && [trigger.checkpoint, trigger.savepoint?.dir, trigger.stopSources], [
      'final',
      '/t',
      false,
    ])
    const end = script.complete(1).at(-1)
    assert.deepEqual(end, { kind: 'finish', checkpointId: 1, stopped: true })
  })
})
