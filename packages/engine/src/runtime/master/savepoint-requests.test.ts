import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeRandom } from '@millrace/core'
import type { FilesystemSavepoints } from '../../checkpoint/savepoints.ts'
import { SavepointRequests } from './savepoint-requests.ts'

const storage = { begin: async () => {}, discard: async () => {} } as unknown as FilesystemSavepoints

void test('whoever asks for a savepoint that fails hears what becomes of the job: one that drains ends all the same', async () => {
  const requests = new SavepointRequests({ jobName: 'told', storage, defaultDir: '/savepoints', random: nodeRandom })
  const said = async (drain: boolean, reason: 'timeout' | 'task-failed', problem?: string): Promise<string> => {
    const asked = requests.ask(
      undefined,
      ({ requestId }) => void requests.answered(requestId, { kind: 'aborted', checkpointId: 0, reason }, problem),
      drain,
    )
    return await asked.then(String, (error: Error) => error.message)
  }
  assert.match(await said(false, 'timeout'), /the job goes on: not all of the job ran within checkpointing\.timeout/)
  assert.match(await said(false, 'timeout', 'timeout'), /the job goes on: timeout/)
  assert.match(await said(true, 'timeout', 'timeout'), /the job comes to its end without one, as its sources were told to end: timeout/)
  assert.match(await said(true, 'task-failed'), /the job starts over or fails/)
})
