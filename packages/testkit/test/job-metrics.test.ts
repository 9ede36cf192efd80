import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, watermarks, type Environment } from '@millrace/engine'
import { metricsText } from '../../engine/src/runtime/metrics/metrics-text.ts'
import { VirtualMachine } from './virtual-job.ts'

/** A value of the page, undefined where it is not there. */
function served(page: string, name: string): number | undefined {
  const text = new RegExp(`^millrace_${name}(?:\\{.*\\})? (\\S+)$`, 'm').exec(page)?.[1]
  return text === undefined ? undefined : Number(text)
}

const endless = (env: Environment, fails: () => void = () => {}): void => {
  env
    .fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' })
    .map((n) => {
      fails()
      return n
    })
    .sinkTo(discard())
}

describe('metrics of a job', () => {
  it('down-time counts from the failure until the job runs again', async () => {
    let failures = 0
    const job = defineJob('fails', (env) => {
      env.restart.strategy = { kind: 'fixed-delay', attempts: 1, delay: '10s' }
      endless(env, () => {
        if (failures++ === 0) throw new Error('once')
      })
    })
    const run = new VirtualMachine().start(job)
    await run.until(() => run.of('restarting').length === 1)
    await run.pass(4_000)
    const { downtimeMs } = run.running.metrics()
    assert.ok(downtimeMs >= 4_000 && downtimeMs < 10_000, String(downtimeMs))
    assert.equal(served(metricsText(run.running.metrics()), 'job_downtime_ms'), downtimeMs)
    await run.until(() => run.of('started').length === 2)
    assert.equal(run.running.metrics().downtimeMs, 0)
    await run.cancel()
  })

  it('a source says how old its records are when it emits them', async () => {
    const machine = new VirtualMachine()
    const job = defineJob('late', (env) => {
      const strategy = watermarks.monotonous<number>(() => machine.clock.now() - 7_000)
      env.fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers', watermarks: strategy }).sinkTo(discard())
    })
    const run = machine.start(job)
    await run.until(() => run.of('started').length === 1)
    await run.pass(3_000)
    const lag = served(metricsText(run.running.metrics()), 'source_emit_event_time_lag_ms')
    assert.ok(lag !== undefined && lag >= 7_000 && lag < 7_100, String(lag))
    await run.cancel()
  })

  it('of a source without event time there is no such age', async () => {
    const run = new VirtualMachine().start(defineJob('timeless', endless))
    await run.until(() => run.of('started').length === 1)
    await run.pass(3_000)
    const page = metricsText(run.running.metrics())
    assert.equal(served(page, 'task_bytes_out_total'), 0, 'records of one thread pass by reference')
    assert.equal(served(page, 'source_emit_event_time_lag_ms'), undefined)
    await run.cancel()
  })

  it('of the newest checkpoint it is said how long its barriers took, where that was longest', async () => {
    const job = defineJob('aligns', (env) => {
      env.checkpointing.interval = 1_000
      const numbers = env.fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' })
      numbers
        .keyBy((n) => n)
        .count()
        .uid('counts')
        .sinkTo(discard())
    })
    const run = new VirtualMachine().start(job, { options: { parallelism: 2 } })
    await run.until(() => run.of('checkpoint-completed').length === 2)
    const { last } = run.running.metrics().checkpoints
    const { subtasks } = run.running.checkpoints().history.find(({ checkpointId }) => checkpointId === last!.id)!
    assert.equal(last!.startDelayMs, Math.max(...subtasks.map(({ startDelayMs }) => startDelayMs)))
    assert.equal(last!.alignmentMs, Math.max(...subtasks.map(({ alignmentMs }) => alignmentMs)))
    assert.ok(subtasks.length > 1 && last!.startDelayMs > 0)
    const page = metricsText(run.running.metrics())
    assert.equal(served(page, 'checkpoint_last_start_delay_ms'), last!.startDelayMs)
    assert.equal(served(page, 'checkpoint_last_alignment_ms'), last!.alignmentMs)
    await run.cancel()
  })
})
