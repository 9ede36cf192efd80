import assert from 'node:assert/strict'
import { it } from 'node:test'
import { defineJob, discard, generator, value } from '@millrace/engine'
import { VirtualMachine } from './virtual-job.ts'

it('a job says how much state and how many timers each operator has, and how large its checkpoints are', async () => {
  const job = defineJob('orders', (env) => {
    env.checkpointing.interval = 3_000
    env
      .fromSource(generator({ generate: (n) => n % 40, ratePerSecond: 100 }), { uid: 'numbers' })
      .keyBy((n) => n)
      .process({
        state: { seen: value<number>() },
        onElement(n, ctx) {
          ctx.state.seen.set((ctx.state.seen.get() ?? 0) + 1)
          if (n % 2 === 0) ctx.processingTimers.at(4e12 + n)
        },
        onProcessingTimer() {},
      })
      .uid('count')
      .sinkTo(discard())
  })
  const run = new VirtualMachine().start(job, { options: { parallelism: 2 } })
  await run.until(() => run.of('checkpoint-completed').length === 2)
  await run.pass(1_500)
  const { user, checkpoints } = run.running.metrics()
  const sum = (name: string, time?: string): number =>
    user
      .filter((metric) => metric.name === name && metric.labels['time'] === time)
      .reduce((total, metric) => total + (metric.kind === 'gauge' ? metric.value : Number.NaN), 0)
  assert.equal(sum('state_rows'), 40)
  assert.equal(sum('state_timers', 'processing'), 20)
  assert.equal(sum('state_timers', 'event'), 0)
  assert.ok(sum('state_estimated_bytes') > 40)
  assert.deepEqual(
    user
      .filter(({ name }) => name === 'state_rows')
      .map(({ labels }) => labels['subtask'])
      .toSorted((a, b) => Number(a) - Number(b)),
    ['0', '1'],
  )
  assert.ok(user.every(({ labels }) => typeof labels['operator'] === 'string'))
  const { last } = checkpoints
  assert.ok(last !== undefined && last.stateBytes > 0 && last.sizeBytes > 0)
  await run.cancel()
})
