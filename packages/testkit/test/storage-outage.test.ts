// A job fails while its storage of checkpoints is out of order.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, type Job } from '@millrace/engine'
import { STATE_DIR, VirtualMachine, type VirtualRun } from './virtual-job.ts'

/** Fails once, as soon as it is told to. */
function failing(when: { due: boolean }): Job {
  return defineJob('counts', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' })
      .map((n) => {
        if (!when.due) return n
        when.due = false
        throw new Error('again')
      })
      .sinkTo(discard())
  })
}

const options = {
  checkpointing: { interval: 50 },
  restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 4, delay: '10s' } },
}

/** Fails with the storage out of order, which lasts for so long. */
async function outage(durationMs: number): Promise<VirtualRun> {
  const machine = new VirtualMachine()
  const when = { due: false }
  const run = machine.start(failing(when), { options })
  await run.until(() => run.of('checkpoint-completed').length > 1)
  machine.disk.fail({ operations: ['list', 'open', 'readFile'], path: new RegExp(`^${STATE_DIR}`), reason: 'input-output' })
  when.due = true
  await run.until(() => run.of('restarting').length > 0)
  await run.pass(durationMs)
  machine.disk.heal()
  await run.until(() => run.result !== undefined || run.of('started').length > 1)
  return run
}

describe('a storage that is out of order when a job restarts', () => {
  it('is asked again as the restart strategy says, and the job goes on from where it was', async () => {
    const run = await outage(25_000)
    assert.equal(run.result, undefined)
    assert.ok(run.of('restarting').length > 1)
    const completed = run.of('checkpoint-completed').findLast(({ timeMs }) => timeMs < run.of('restarting')[0]!.timeMs)!
    assert.deepEqual(run.of('started')[1]?.restored, completed.checkpoint)
    await run.cancel()
  })

  it('ends the job when the strategy has no more restarts, with the reason', async () => {
    const run = await outage(100_000)
    assert.ok(run.result?.state === 'failed')
    assert.match(run.result.failure.error.message, /CHECKPOINT_STORAGE_FAILED/)
    assert.equal(run.of('restarting').length, 4)
  })

  it('ends at once a job that has not run yet', async () => {
    const machine = new VirtualMachine()
    machine.disk.fail({ operations: ['open'], path: new RegExp(`^${STATE_DIR}`), reason: 'no-space' })
    const run = machine.start(failing({ due: false }), { options })
    const result = await run.end()
    assert.ok(result.state === 'failed')
    assert.match(result.failure.error.message, /CHECKPOINT_STORAGE_FULL/)
    assert.deepEqual(run.of('restarting'), [])
  })
})
