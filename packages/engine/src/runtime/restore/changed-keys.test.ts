import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob, discard, generator, startJob, value } from '../../index.ts'

for (const [kind, isAsync] of [
  ['a function', false],
  ['an asynchronous function', true],
] as const) {
  void test(`a key that is another one each time it is asked for is told, not kept: ${kind}`, async () => {
    let asked = 0
    const job = defineJob('salted', (env) => {
      const count = (state: { update(change: (n?: number) => number): void }): void => state.update((n = 0) => n + 1)
      env
        .fromSource(generator({ count: 200, generate: (n) => n }), { uid: 'numbers' })
        .keyBy(() => `salted ${asked++}`)
        .process({
          state: { seen: value<number>() },
          onElement: isAsync ? async (_, ctx) => count(ctx.state.seen) : (_, ctx) => count(ctx.state.seen),
        })
        .uid('seen')
        .sinkTo(discard())
    })
    const result = await startJob(job, { parallelism: 2, options: { restart: { strategy: 'none' } } }).done
    assert.ok(result.state === 'failed')
    assert.match(String(result.failure.error), /another key than when it was sent/)
  })
}
