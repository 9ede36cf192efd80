// Orders to a job whose module is still being loaded: one that waits at its top level may do so for long.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { resolveOptions } from '@millrace/core'
import { engineOptionTable } from '../config/options.ts'
import type { RunningJob } from './job-types.ts'
import { runOnThreads } from './run-job.ts'

/** A job whose module is never there. */
function loading(): RunningJob {
  return runOnThreads({
    modulePath: join(import.meta.dirname, 'fixtures/slow-job.ts'),
    load: () => new Promise(() => {}),
    settings: resolveOptions(engineOptionTable, {}),
    restore: 'none',
    onEvent: () => {},
  })
}

test('a job that was cancelled is not stopped instead by a later stop', async () => {
  const job = loading()
  void job.cancel()
  void job.stop()
  assert.equal((await job.done).state, 'canceled')
})

test('a job that was stopped may still be cancelled', async () => {
  const job = loading()
  void job.stop()
  void job.cancel()
  assert.equal((await job.done).state, 'canceled')
})

test('a stop that asks for no savepoint needs none, one that asks for one is refused, and the job goes on', async () => {
  const job = loading()
  await assert.rejects(job.stop({ savepoint: true }), { code: 'SAVEPOINT_FAILED' })
  await assert.rejects(job.savepoint(), { code: 'SAVEPOINT_FAILED' })
  await assert.rejects(job.stop({ drain: true }), { code: 'ARGUMENT_INVALID' })
  await job.stop({ savepoint: false })
  assert.equal((await job.done).state, 'stopped')
})
