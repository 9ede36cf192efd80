import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckpointHistory, CheckpointHistoryEntry } from '@millrace/engine'
import { unreadiness } from './readiness.ts'
import { jobMetrics } from './testing/job-data.ts'

type Outcome = CheckpointHistoryEntry['outcome']

const failed = (reason: Extract<Outcome, { kind: 'failed' }>['reason'], error?: string): Outcome => ({ kind: 'failed', reason, error })
const completed: Outcome = { kind: 'completed' }

function historyOf(...outcomes: (Outcome | [CheckpointHistoryEntry['kind'], Outcome])[]): CheckpointHistory {
  const history = outcomes.map((each, index) => {
    const [kind, outcome] = Array.isArray(each) ? each : (['periodic', each] as const)
    return {
      checkpointId: index + 1,
      kind,
      outcome,
      durationMs: 1,
      stateBytes: 1,
      writtenBytes: 1,
      subtasks: [],
      triggeredMs: 0,
      path: undefined,
    }
  })
  return { counts: { triggered: 0, completed: 0, failed: 0, subsumed: 0, inProgress: 0 }, history }
}

void test('a job that runs is ready, before its first checkpoint too', () => {
  assert.equal(unreadiness(jobMetrics(), historyOf(), 0), undefined)
  for (const state of ['starting', 'restarting', 'stopping', 'ended'] as const)
    assert.equal(unreadiness(jobMetrics({ state }), historyOf(completed), 0), `the job is ${state}`)
  const region = { of: 2, tasks: ['map'], restarts: 1 }
  const regions = [
    { id: 0, state: 'running', ...region },
    { id: 1, state: 'restarting', ...region },
  ] as const
  assert.equal(unreadiness(jobMetrics({ regions }), historyOf(), 0), 'region 1 of the job is restarting')
})

void test('a job is not ready while more checkpoints have failed in a row than are tolerated', () => {
  const of = (tolerable: number, ...outcomes: Parameters<typeof historyOf>): string | undefined =>
    unreadiness(jobMetrics(), historyOf(...outcomes), tolerable)
  assert.equal(of(0, completed, failed('timeout')), 'no checkpoint was completed since 1 failed, the last: timeout')
  assert.equal(
    of(1, failed('timeout'), failed('snapshot-failed', 'the disk is full')),
    'no checkpoint was completed since 2 failed, the last: snapshot-failed: the disk is full',
  )
  assert.equal(of(2, failed('timeout'), failed('persist-failed')), undefined)
  assert.equal(of(0, failed('timeout'), completed), undefined)
  assert.equal(of(0, completed, failed('task-failed'), failed('subsumed'), failed('closed')), undefined, 'that is not about checkpoints')
  assert.notEqual(of(0, failed('timeout'), ['savepoint', completed]), undefined)
  assert.equal(of(0, completed, ['savepoint', failed('snapshot-failed')]), undefined)
})
