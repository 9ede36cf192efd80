import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createMemoryDisk, nodeClock } from '@millrace/core'
import { buildJob } from '../../api/build-job.ts'
import { defineJob } from '../../api/job.ts'
import { FilesystemCheckpoints } from '../../checkpoint/filesystem/filesystem.ts'
import { discard } from '../../connectors/discard.ts'
import { planJob } from '../../graph/plan.ts'
import { findRegionRestoration, findRestoration } from './restoration.ts'

it('a start says which checkpoints nothing is restored from: those that it gives up, those that were given up before, and those that are damaged', async () => {
  const disk = createMemoryDisk(() => 0)
  const { graph, functions } = buildJob(defineJob('j', (env) => void env.fromCollection([1]).sinkTo(discard())))
  const start = async (request: string): Promise<readonly (readonly number[])[]> => {
    const storage = new FilesystemCheckpoints({ disk, dir: '/checkpoints' })
    const parts = { plan: planJob(graph, { parallelism: 1 }), functions, storage, allowNonRestoredState: false, clock: nodeClock }
    const { completed, lost, goOn } = await findRestoration(parts, request, () => {})
    const before = await storage.open()
    assert.ok(!before.givenUp.includes(lost.at(-1)!), 'nothing is given up before all that is restored could be read')
    await goOn()
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

it('a job that is to end does not read through the files of its checkpoint first', async () => {
  const disk = createMemoryDisk(() => 0)
  const { graph, functions } = buildJob(defineJob('j', (env) => void env.fromCollection([1]).sinkTo(discard())))
  const storage = new FilesystemCheckpoints({ disk, dir: '/checkpoints' })
  await storage.open()
  const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 1, 'state')
  await writer.write(new Uint8Array(10))
  const operator = { stateId: 'a', kind: 'keyed-process', name: 'a', maxParallelism: 1, parallelism: 1, states: [] } as const
  const operators = [{ ...operator, subtasks: [{ keyed: [{ ...(await writer.finish()), segments: [] }] }] }]
  const metadata = { jobName: 'j', fingerprint: 'f', params: {}, kind: 'checkpoint', attempt: 1, triggeredMs: 0, operators } as const
  await storage.persist({ ...metadata, checkpointId: 1 })
  const parts = { plan: planJob(graph, { parallelism: 1 }), functions, storage, allowNonRestoredState: true, clock: nodeClock }
  const stopped = AbortSignal.abort()
  const warned: string[] = []
  const givenUp = { code: 'JOB_START_GIVEN_UP' }
  await assert.rejects(
    findRestoration(parts, 'latest', (message) => void warned.push(message), stopped),
    givenUp,
  )
  await assert.rejects(findRegionRestoration(parts, 'latest', { completedId: 1, startedFrom: undefined }, stopped), givenUp)
  assert.deepEqual(warned, [])
  assert.equal((await findRestoration(parts, 'latest', () => {})).ownId, 1, 'it was not given up')
})
