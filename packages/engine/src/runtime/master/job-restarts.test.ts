import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob, discard, startJob, type JobResult, type RunningJob } from '../../index.ts'

/** Starts a job that fails at once and would wait a day before it tries again; `ending` is called with it as it says that it will. */
async function failing(ending: (running: RunningJob) => void): Promise<JobResult> {
  const job = defineJob('failing', (env) => {
    env.restart.strategy = { kind: 'fixed-delay', attempts: 2, delay: '1d' }
    env
      .fromCollection([1])
      .map((): number => {
        throw new Error('no')
      })
      .sinkTo(discard())
  })
  const running = startJob(job, {
    log: false,
    onEvent: ({ kind }) => {
      if (kind === 'restarting') ending(running)
    },
  })
  return await running.done
}

// A wait that is not cut short lasts a day: each of these would not end.
test('a job that is cancelled by whoever hears that it restarts does not wait first', async () => {
  assert.equal((await failing((running) => void running.cancel())).state, 'canceled')
})

test('a job that is stopped by whoever hears that it restarts ends with what it failed on', async () => {
  assert.equal((await failing((running) => void running.stop())).state, 'failed')
})

test('a listener that throws as it hears of a restart ends the job, and is told', async () => {
  await assert.rejects(
    failing(() => {
      throw new Error('the listener is wrong')
    }),
    /the listener is wrong/,
  )
})
