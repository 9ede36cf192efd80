import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock, nodeRandom } from '@millrace/core'
import type { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import type { CheckpointStorage } from '../../checkpoint/storage.ts'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import { lineOf } from '../default-log.ts'
import type { JobEvent } from '../job-types.ts'
import { MetricsBoard } from '../metrics/metrics-board.ts'
import { CheckpointKeeper } from './checkpoint-keeper.ts'

const plan = { graph: { name: 'kept', operators: [] }, tasks: [] } as unknown as ExecutionPlan

function keepingSavepoints() {
  const board = new MetricsBoard(plan, [], nodeClock)
  const events: JobEvent[] = []
  const keeper = new CheckpointKeeper({
    plan,
    storage: {} as CheckpointStorage,
    savepoints: { persist: async () => ({ metadataBytes: 1 }) } as unknown as FilesystemSavepoints,
    savepointDir: '/savepoints',
    clock: nodeClock,
    random: nodeRandom,
    board,
    attempt: () => 1,
    onEvent: (event) => events.push(event),
  })
  const trigger = (checkpointId: number): void =>
    keeper.triggered({
      kind: 'trigger',
      checkpointId,
      checkpoint: 'savepoint',
      triggeredMs: 1,
      stopSources: false,
      savepoint: { dir: '/savepoints/one', isCheckpoint: false },
    })
  const persist = async (checkpointId: number): Promise<void> => {
    const savepoint = { dir: '/savepoints/one', isCheckpoint: false }
    await keeper.persist({ kind: 'persist', checkpointId, checkpoint: 'savepoint', triggeredMs: 1, savepoint, snapshots: [] }, new Map())
  }
  const counts = (): readonly number[] => {
    const { completed, failed, inProgress } = board.read(0, 0).checkpoints
    return [completed, failed, inProgress]
  }
  return { keeper, events, trigger, persist, counts }
}

void test('a savepoint that was written while a region was lost counts once, as one that failed', async () => {
  const { keeper, events, trigger, persist, counts } = keepingSavepoints()
  trigger(1)
  await persist(1)
  keeper.aborted(1, 'task-failed', undefined)
  await keeper.requestDone(1, { kind: 'aborted', checkpointId: 1, reason: 'task-failed' })
  assert.deepEqual(counts(), [0, 1, 0])
  assert.deepEqual(
    events.map((event) => (event.kind === 'checkpoint-failed' ? event.error.message : event.kind)),
    ['savepoint 1 was given up: task-failed'],
  )

  trigger(2)
  assert.deepEqual(counts(), [0, 1, 1])
  await persist(2)
  keeper.savepointCompleted()
  assert.deepEqual(counts(), [1, 1, 0])
})

void test('what comes to nothing as a newer one was complete first is no failure, in figures nor in the log', () => {
  const { keeper, events, trigger, counts } = keepingSavepoints()
  trigger(1)
  keeper.aborted(1, 'subsumed', undefined)
  trigger(2)
  keeper.aborted(2, 'timeout', undefined)
  assert.deepEqual(counts(), [0, 1, 0])
  assert.deepEqual(
    events.map((event) => [event.kind === 'checkpoint-failed' ? event.reason : event.kind, lineOf(event)?.level]),
    [
      ['subsumed', undefined],
      ['timeout', 'warn'],
    ],
  )
})
