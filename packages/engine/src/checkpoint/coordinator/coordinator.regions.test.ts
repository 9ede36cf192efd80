// What the coordinator does while a region of the job is down, and when it is back.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { CheckpointCoordinator } from './coordinator.ts'
import type { CoordinatorCommand, CoordinatorEvent } from './coordinator-events.ts'
import type { SubtaskSnapshot } from '../handles.ts'

const [left, right] = [
  { task: 0, subtask: 0 },
  { task: 1, subtask: 0 },
]
type Side = typeof left

const snapshotOf = (path: string, staged = false): SubtaskSnapshot => ({
  operators: [{ stateId: 'a', keyed: [], ...(staged ? { sinkHandles: ['staged'] } : {}) }],
  newFiles: [{ path, length: 1, crc32: 1 }],
  timings: {
    startDelayMs: 0,
    alignmentMs: 0,
    syncMs: 0,
    asyncMs: 0,
    writtenBytes: 1,
    stateBytes: 1,
    alignmentBytes: 0,
    inFlightBytes: 0,
    unaligned: false,
  },
})

class Script {
  readonly coordinator: CheckpointCoordinator
  atMs = 0
  /** What it has asked for last. */
  wakeAtMs: number | undefined
  readonly attempts: Map<Side, number> = new Map([
    [left, 3],
    [right, 3],
  ])

  constructor(intervalMs: number | undefined = 100, started = true) {
    this.coordinator = new CheckpointCoordinator({
      options: {
        intervalMs,
        mode: 'exactly-once',
        minPauseMs: 0,
        timeoutMs: 1_000,
        maxConcurrent: 1,
        tolerableFailures: 0,
        numRetained: 1,
        retainOnCancel: false,
      },
      attempt: 3,
      subtasks: [left, right],
      regions: [[0], [1]],
      nextCheckpointId: 1,
      completed: [],
      lost: [],
      restoredId: undefined,
      wallClockOffsetMs: () => 0,
    })
    if (started) this.on({ kind: 'started' })
  }

  on(event: CoordinatorEvent extends infer E ? (E extends unknown ? Omit<E, 'atMs'> : never) : never): string[] {
    const commands = this.coordinator.on({ ...event, atMs: this.atMs })
    for (const command of commands) if (command.kind === 'wake') this.wakeAtMs = command.atMs
    return commands.flatMap((command) => describeCommand(command))
  }

  tickAt(atMs: number): string[] {
    this.atMs = atMs
    return this.on({ kind: 'tick' })
  }

  acknowledge(checkpointId: number, subtask: Side, attempt = this.attempts.get(subtask)!, staged = false): string[] {
    const snapshot = snapshotOf(`${checkpointId}-${subtask.task}-${attempt}`, staged)
    return this.on({ kind: 'acknowledged', attempt, subtask, checkpointId, snapshot })
  }

  persisted(checkpointId: number): string[] {
    return this.on({ kind: 'persisted', checkpointId, metadataBytes: 1 })
  }

  restart(region: 0 | 1, attempt: number): string[] {
    this.attempts.set(region === 0 ? left : right, attempt)
    return [...this.on({ kind: 'region-launched', region, attempt }), ...this.on({ kind: 'region-restored', region })]
  }
}

function describeCommand(command: CoordinatorCommand): readonly string[] {
  if (command.kind === 'wake') return []
  if (command.kind === 'discard') return [`discard ${command.paths.join()}`]
  if (command.kind === 'request-done') return [`request ${command.requestId} ${command.outcome.kind}`]
  return ['checkpointId' in command ? `${command.kind} ${command.checkpointId}` : command.kind]
}

describe('checkpoints of a job of which a region is lost', () => {
  it('what is under way is given up, nothing begins, and goes on at once when the region is back', () => {
    const script = new Script()
    assert.deepEqual(script.tickAt(100), ['trigger 1'])
    script.acknowledge(1, right)
    assert.deepEqual(script.on({ kind: 'region-lost', region: 0 }), ['notify-aborted 1', 'discard 1-1-3'])
    assert.deepEqual(script.tickAt(10_000), [], 'whatever the time')
    assert.deepEqual(script.on({ kind: 'request', requestId: 1 }), [])
    assert.deepEqual(script.acknowledge(1, left), ['discard 1-0-3'], 'said before it was lost: its files go')
    assert.deepEqual(script.restart(0, 4), ['trigger 2'])
    assert.deepEqual(script.acknowledge(2, left, 3), ['discard 2-0-3'], 'the attempt before')
    script.acknowledge(2, left)
    assert.deepEqual(script.acknowledge(2, right), ['persist 2'])
    assert.deepEqual(script.persisted(2).slice(0, 2), ['notify-complete 2', 'request 1 completed'])
  })

  it('what is being persisted completes: it is what the region starts from', () => {
    const script = new Script()
    script.tickAt(100)
    script.acknowledge(1, left)
    assert.deepEqual(script.acknowledge(1, right), ['persist 1'])
    assert.deepEqual(script.on({ kind: 'region-lost', region: 1 }), [])
    assert.deepEqual(script.persisted(1), ['notify-complete 1'])
    assert.equal(script.coordinator.latestCompletedId, 1)
  })

  it('its commits are not waited for: what it restores is committed when it is back', () => {
    const script = new Script()
    const complete = (checkpointId: number, atMs: number): void => {
      assert.deepEqual(script.tickAt(atMs), [`trigger ${checkpointId}`])
      script.acknowledge(checkpointId, left, undefined, true)
      script.acknowledge(checkpointId, right)
    }
    for (const id of [1, 2]) {
      complete(id, id * 100)
      script.persisted(id)
    }
    assert.deepEqual(script.tickAt(300), ['held-back'])
    script.on({ kind: 'region-lost', region: 0 })
    assert.deepEqual(script.restart(0, 4), ['trigger 3'])
    script.acknowledge(3, left, undefined, true)
    script.acknowledge(3, right)
    script.on({ kind: 'region-lost', region: 0 })
    assert.ok(script.persisted(3).includes('notify-complete 3'), 'which it does not hear')
    script.restart(0, 5)
    for (const id of [4, 5]) {
      complete(id, id * 100)
      script.persisted(id)
    }
    assert.deepEqual(script.tickAt(600), [], 'it was said')
    assert.deepEqual(script.on({ kind: 'committed', attempt: 4, subtask: left, stateId: 'a', checkpointId: 5 }), [], 'the attempt before')
    assert.deepEqual(script.on({ kind: 'committed', attempt: 5, subtask: left, stateId: 'a', checkpointId: 4 }), ['trigger 6'])
  })

  it('a savepoint is never announced when a region may have given up what it staged for it', () => {
    const script = new Script(undefined)
    assert.deepEqual(script.on({ kind: 'savepoint', requestId: 1, dir: '/s' }), ['trigger 1'])
    script.acknowledge(1, left, 3, true)
    assert.deepEqual(script.acknowledge(1, right), ['persist 1'])
    script.on({ kind: 'region-lost', region: 0 })
    assert.deepEqual(script.persisted(1), ['notify-aborted 1', 'request 1 aborted'], 'not even if it was written')

    assert.deepEqual(script.on({ kind: 'savepoint', requestId: 2, dir: '/t' }), [], 'it waits')
    assert.deepEqual(script.restart(0, 4), ['trigger 2'])
    script.acknowledge(2, left, 4, true)
    script.acknowledge(2, right)
    assert.deepEqual(script.persisted(2), ['notify-savepoint 2', 'trigger 3'], 'it waits for one checkpoint more')
    assert.deepEqual(script.on({ kind: 'region-lost', region: 0 }), ['notify-aborted 3', 'request 2 aborted'])
  })

  it('input that had ended ends again, and a stop waits for the region', () => {
    const script = new Script()
    script.on({ kind: 'input-finished', attempt: 3, subtask: left })
    script.on({ kind: 'region-lost', region: 0 })
    assert.deepEqual(script.on({ kind: 'input-finished', attempt: 3, subtask: right }), [], 'one of the two')
    assert.ok(!script.coordinator.isEnding)
    assert.deepEqual(script.on({ kind: 'stop' }), [])
    assert.ok(script.coordinator.isEnding)
    assert.deepEqual(script.restart(0, 5), ['trigger 1'])
  })

  it('sources of a region that comes back are told to end, if that was asked for meanwhile', () => {
    const script = new Script()
    script.on({ kind: 'region-lost', region: 0 })
    assert.deepEqual(script.on({ kind: 'stop-with-savepoint', requestId: 1, dir: '/s', drain: true }), ['drain'])
    assert.ok(script.restart(0, 4).includes('drain'))
  })

  it('whoever asks for a savepoint waits for the region no longer than a savepoint may take; the job goes on', () => {
    const script = new Script()
    script.on({ kind: 'savepoint', requestId: 1, dir: '/r' })
    script.tickAt(500)
    script.on({ kind: 'region-lost', region: 0 })
    script.atMs = 900
    script.on({ kind: 'savepoint', requestId: 2, dir: '/s' })
    script.on({ kind: 'stop-with-savepoint', requestId: 3, dir: '/t', drain: false })
    assert.equal(script.wakeAtMs, 1_900, 'nothing else wakes it')
    assert.deepEqual(script.tickAt(1_899), [])
    assert.ok(script.coordinator.isEnding)
    assert.deepEqual(script.tickAt(1_900), ['request 2 aborted', 'request 3 aborted'])
    assert.ok(!script.coordinator.isEnding)
    assert.deepEqual(script.on({ kind: 'savepoint', requestId: 4, dir: '/u' }), [])
    assert.deepEqual(script.on({ kind: 'stop-with-savepoint', requestId: 5, dir: '/v', drain: false }), [])
    script.atMs = 2_800
    assert.deepEqual(script.restart(0, 4), ['trigger 2'])
    assert.equal(script.wakeAtMs, 3_800, 'from then on it counts from the trigger')
  })

  it('whoever asks for a savepoint of a job that starts waits no longer either; a stop asked for besides stays', () => {
    const script = new Script(100, false)
    script.on({ kind: 'savepoint', requestId: 1, dir: '/s' })
    script.on({ kind: 'stop-with-savepoint', requestId: 2, dir: '/t', drain: false })
    script.on({ kind: 'stop' })
    assert.equal(script.wakeAtMs, 1_000)
    assert.deepEqual(script.tickAt(1_000), ['request 1 aborted', 'request 2 aborted'])
    assert.equal(script.wakeAtMs, undefined)
    assert.ok(script.coordinator.isEnding)
    assert.deepEqual(script.on({ kind: 'started' }), ['trigger 1'])
  })

  it('no checkpoint ever begins without all regions, or counts what a former attempt says', () => {
    const events = fc.array(
      fc.tuple(
        fc.constantFrom('tick', 'tick', 'lose', 'restart', 'restart', 'acknowledge', 'acknowledge', 'acknowledge', 'stale', 'persist'),
        fc.nat(1),
      ),
      {
        minLength: 20,
        maxLength: 120,
      },
    )
    let whileDown = 0
    fc.assert(
      fc.property(events, (steps) => {
        const script = new Script()
        const down = new Set<number>()
        let attempt = 3
        let open: { id: number; acknowledged: Set<Side> } | undefined
        let persisting: number | undefined
        const look = (commands: readonly string[]): void => {
          for (const command of commands) {
            const [kind, id] = command.split(' ')
            if (kind === 'trigger') {
              assert.equal(down.size, 0)
              open = { id: Number(id), acknowledged: new Set() }
            }
            if (kind === 'notify-aborted' && open?.id === Number(id)) open = undefined
            if (kind === 'persist') {
              assert.equal(open?.acknowledged.size, 2)
              persisting = Number(id)
            }
          }
        }
        for (const [kind, index] of steps) {
          const region = index as 0 | 1
          const side = region === 0 ? left : right
          if (kind === 'tick') look(script.tickAt(script.atMs + 60))
          else if (kind === 'lose' && !down.has(region)) {
            down.add(region)
            look(script.on({ kind: 'region-lost', region }))
          } else if (kind === 'restart' && down.has(region)) {
            down.delete(region)
            look(script.restart(region, ++attempt))
          } else if (kind === 'acknowledge' && open !== undefined && !down.has(region)) {
            open.acknowledged.add(side)
            look(script.acknowledge(open.id, side))
          } else if (kind === 'stale' && open !== undefined) look(script.acknowledge(open.id, side, script.attempts.get(side)! - 1))
          else if (kind === 'persist' && persisting !== undefined) {
            if (down.size > 0) whileDown++
            look(script.persisted(persisting))
            persisting = undefined
            open = undefined
          }
        }
      }),
      { numRuns: 600 },
    )
    assert.ok(whileDown > 5, `persisted while a region was down: ${whileDown}`)
  })
})
