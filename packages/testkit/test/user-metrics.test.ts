import assert from 'node:assert/strict'
import { it } from 'node:test'
import { prometheusText } from '@millrace/core'
import { defineJob, discard, generator, type } from '@millrace/engine'
import { VirtualMachine } from './virtual-job.ts'

it('what two operators of one name count under one name stays apart', async () => {
  const counting = (every: number) => ({
    emits: type<number>(),
    onElement(n: number, ctx: { readonly metrics: { counter(name: string): { add(): void } }; emit(n: number): void }) {
      if (n % every === 0) ctx.metrics.counter('seen').add()
      ctx.emit(n)
    },
  })
  const job = defineJob('counts', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, count: 100, ratePerSecond: 100 }), { uid: 'numbers' })
      .process(counting(1))
      .uid('all')
      .name('process')
      .process(counting(2))
      .chain('never')
      .process(counting(5))
      .sinkTo(discard())
  })
  const run = new VirtualMachine().start(job, {})
  await run.pass(500)
  await run.until(() => run.running.metrics().user.some(({ name }) => name === 'seen'))
  const seen = run.running.metrics().user.filter(({ name }) => name === 'seen')
  assert.deepEqual(
    seen.map(({ labels }) => [labels['operator'], labels['subtask']]),
    Array.from({ length: 3 }, () => ['process', '0']),
  )
  const ids = seen.map(({ labels }) => labels['operator_id'])
  assert.equal(ids[0], 'all')
  assert.equal(new Set(ids).size, 3)
  const series = prometheusText(seen, 'millrace_').matchAll(/^(millrace_seen_total\{.*\}) \d+$/gm)
  assert.equal(new Set([...series].map((match) => match[1])).size, 3)
  await run.cancel()
})
