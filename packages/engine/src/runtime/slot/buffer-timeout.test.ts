import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@millrace/core'
import type { Task } from '../task/task.ts'
import { TaskTimes } from '../task/task-times.ts'
import { Slot } from './slot.ts'

/** When a task that always has work, a millisecond a step, sends what is under construction. */
function flushes(bufferTimeoutMs: number): readonly number[] {
  let nowMs = 0
  let turn: (() => void) | undefined
  const soon = (callback: () => void): (() => void) => {
    turn = callback
    return () => (turn = undefined)
  }
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {}, soon }
  const flushed: number[] = []
  const step = (): 'worked' => {
    nowMs++
    return 'worked'
  }
  const task = { parts: { times: new TaskTimes(0) }, step, flush: () => void flushed.push(nowMs) } as unknown as Task
  const signal = { sleep: () => false, awake: () => {} }
  const slot = new Slot({ clock, bufferTimeoutMs, signal, turnMs: 1 })
  slot.start([task])
  for (let turns = 0; turns < 40; turns++) {
    const next = turn
    turn = undefined
    next!()
  }
  slot.close()
  return flushed
}

test('option: bufferTimeout: a busy slot sends what waits for company as often as that, and with 0 after each turn', () => {
  assert.deepEqual(flushes(10), [10, 20, 30, 40])
  assert.deepEqual(
    flushes(0),
    Array.from({ length: 40 }, (_, index) => index + 1),
  )
})
