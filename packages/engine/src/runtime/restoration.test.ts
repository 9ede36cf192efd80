import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMemoryDisk, nodeClock } from '@millrace/core'
import { buildJob } from '../api/build-job.ts'
import { defineJob } from '../api/job.ts'
import { FilesystemCheckpoints } from '../checkpoint/filesystem.ts'
import { discard } from '../connectors/discard.ts'
import { planJob } from '../graph/plan.ts'
import { findRestoration } from './restoration.ts'

it('a start says which checkpoints nothing is restored from: those that it gives up, those that were given up before, and those that are damaged', async () => {
  const disk = createMemoryDisk(() => 0)
  const { graph, functions } = buildJob(defineJob('j', (env) => void env.fromCollection([1]).sinkTo(discard())))
  const start = async (request: string): Promise<readonly (readonly number[])[]> => {
    const storage = new FilesystemCheckpoints({ disk, dir: '/checkpoints' })
    const parts = { plan: planJob(graph, { parallelism: 1 }), functions, storage, allowNonRestoredState: false, clock: nodeClock }
    const { completed, lost } = await findRestoration(parts, request, () => {})
    return [completed, lost]
  }
  const storage = new FilesystemCheckpoints({ disk, dir: '/checkpoints' })
  await storage.open()
  const metadata = { jobName: 'j', fingerprint: 'f', params: {}, kind: 'checkpoint', attempt: 1, triggeredMs: 0, operators: [] } as const
  for (const checkpointId of [1, 2, 3, 4, 5]) await storage.persist({ ...metadata, checkpointId })
  await (await disk.open('/checkpoints/chk-1/_metadata', 'write')).close()
  const all = [1, 2, 3, 4, 5]
  assert.deepEqual(await start('/checkpoints/chk-4'), [all, [1, 5]])
  assert.deepEqual(await start('/checkpoints/chk-3'), [all, [5, 1, 4]])
})
