// Numbers of attempts, as sinks see them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { defineJob, generator, startJob, type Job, type JobEvent, type RunningJob, type Sink } from '../../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-attempts-'))
after(() => rmSync(folder, { recursive: true }))

/** A job whose sink notes the numbers that its writers were given. */
function noting(attempts: number[]): Job {
  const sink: Sink<number> = {
    connector: 'noting',
    delivery: 'none',
    createWriter: ({ attempt }) => ({
      open: () => void attempts.push(attempt),
      write: () => {},
      prepare: async () => [],
      close: () => {},
    }),
  }
  return defineJob('noting', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' })
      .sinkTo(sink)
      .uid('noting')
  })
}

async function start(job: Job, stateDir: string, restore: string): Promise<RunningJob> {
  const { promise: started, resolve } = Promise.withResolvers<void>()
  const running = startJob(job, {
    restore,
    options: { stateDir: join(folder, stateDir), checkpointing: { storage: 'filesystem' } },
    onEvent: (event: JobEvent) => {
      if (event.kind === 'started' || event.kind === 'ended') resolve()
    },
  })
  await started
  return running
}

void it('grow with every start, also from a savepoint of a job that has counted its own elsewhere', async () => {
  const attempts: number[] = []
  const job = noting(attempts)
  for (const restore of ['none', 'latest']) await (await start(job, 'first', restore)).stop()
  const running = await start(job, 'first', 'latest')
  const savepoint = await running.savepoint({ dir: join(folder, 'savepoints') })
  await running.stop()
  assert.deepEqual(attempts, [1, 2, 3])
  await (await start(job, 'second', savepoint.path!)).stop()
  // As after a crash before the first checkpoint.
  await (await start(job, 'second', savepoint.path!)).stop()
  await (await start(job, 'second', 'latest')).stop()
  assert.deepEqual(attempts.slice(3), [4, 5, 6])
})
