import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeClock } from '@millrace/core'
import type { ExecutionPlan } from '../../graph/plan-types.ts'
import { MetricsBoard } from './metrics-board.ts'

test('a job is up or down, never both: from a failure until it is back its uptime is 0', () => {
  let nowMs = 0
  const plan = { graph: { name: 'up and down', operators: [] }, tasks: [] } as unknown as ExecutionPlan
  const board = new MetricsBoard(plan, [], { ...nodeClock, monotonic: () => nowMs })
  const times = (afterMs: number): readonly number[] => {
    nowMs += afterMs
    const { uptimeMs, downtimeMs } = board.read(0, 0)
    return [uptimeMs, downtimeMs]
  }
  board.started()
  assert.deepEqual(times(100), [100, 0])
  board.failed()
  assert.deepEqual(times(30), [0, 30])
  board.failed()
  assert.deepEqual(times(30), [0, 60])
  board.started()
  assert.deepEqual(times(5), [5, 0])
})
