import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closeSubtask, type BuiltSubtask } from './subtask-builder.ts'

test('where state cannot be closed its task is all the same, and both are told', async () => {
  const errors = [new Error('the disk is gone'), new Error('so is the sink')] as const
  const parts = {
    snapshots: { close: async () => await Promise.reject(errors[0]) },
    task: { close: async () => await Promise.resolve([errors[1]]) },
  } as unknown as Pick<BuiltSubtask, 'task' | 'snapshots'>
  assert.deepEqual(await closeSubtask(parts), errors)
})
