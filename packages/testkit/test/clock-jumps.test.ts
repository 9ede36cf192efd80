import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, metricsText } from '@millrace/engine'
import { VirtualMachine, type VirtualRun } from './virtual-job.ts'

const HOUR_MS = 3_600_000
const INTERVAL_MS = 100

const job = defineJob('jumping', (env) => {
  env.checkpointing.interval = INTERVAL_MS
  env
    .fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' })
    .keyBy((n) => n % 7)
    .count()
    .uid('counts')
    .sinkTo(discard())
})

function isSoon(ms: number): boolean {
  return ms >= 0 && ms < INTERVAL_MS
}

void describe('a wall clock that is put right while a job runs', () => {
  for (const [name, jumpMs] of [
    ['back', -HOUR_MS],
    ['forward', HOUR_MS],
  ] as const) {
    const begin = async (options: object = {}): Promise<{ readonly machine: VirtualMachine; readonly run: VirtualRun }> => {
      const machine = new VirtualMachine(1)
      const run = machine.start(job, { options: { parallelism: 2, ...options } })
      await run.until(() => run.of('checkpoint-completed').length === 3)
      machine.clock.jump(jumpMs)
      await run.until(() => run.of('checkpoint-completed').length === 8)
      return { machine, run }
    }

    void it(`${name}: checkpoints take as long as they take, and have the time of now`, async () => {
      const { machine, run } = await begin()
      const { history } = run.running.checkpoints()
      for (const event of run.of('checkpoint-completed')) assert.ok(isSoon(event.durationMs), `${event.durationMs} ms`)
      const { subtasks, triggeredMs } = history.at(-1)!
      assert.ok(isSoon(machine.clock.now() - triggeredMs))
      for (const { startDelayMs } of subtasks) assert.ok(isSoon(startDelayMs), `${startDelayMs} ms`)
      assert.ok(isSoon(run.running.metrics().checkpoints.last!.durationMs))
      await run.cancel()
    })

    void it(`${name}: barriers are waited for as long as before`, async () => {
      const { run } = await begin({ checkpointing: { unaligned: true, alignedTimeout: '50ms' } })
      const { subtasks } = run.running.checkpoints().history.at(-1)!
      assert.ok(subtasks.every(({ unaligned }) => !unaligned))
      await run.cancel()
    })

    void it(`${name}: the age of the last checkpoint is what has passed since then`, async () => {
      const { machine, run } = await begin()
      machine.clock.jump(jumpMs)
      const age = /^millrace_checkpoint_last_age_ms(?:\{.*\})? (\S+)$/m.exec(metricsText(run.running.metrics()))
      assert.ok(isSoon(Number(age?.[1])), `${age?.[1]} ms`)
      await run.cancel()
    })
  }
})
