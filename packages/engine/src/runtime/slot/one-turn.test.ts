import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@millrace/core'
import type { Task } from '../task/task.ts'
import { TaskTimes } from '../task/task-times.ts'
import { Slot } from './slot.ts'

test('a slot that wakes itself by what it flushes has one turn to come all the same', () => {
  let nowMs = 0
  const turns: (() => void)[] = []
  const soon = (callback: () => void): (() => void) => {
    turns.push(callback)
    return () => {}
  }
  const clock: Clock = { now: () => nowMs, monotonic: () => nowMs, after: () => () => {}, soon }
  const step = (): 'worked' => {
    nowMs++
    return 'worked'
  }
  // As a channel to another task of the same thread does.
  const task = { parts: { times: new TaskTimes(0) }, step, flush: () => slot.wake() } as unknown as Task
  const signal = { sleep: () => false, awake: () => {} }
  const slot = new Slot({ clock, bufferTimeoutMs: 0, signal, turnMs: 1 })
  slot.start([task])
  for (let turn = 0; turn < 20; turn++) {
    assert.equal(turns.length, 1)
    turns.shift()!()
  }
  slot.close()
})
