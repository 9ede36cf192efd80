import assert from 'node:assert/strict'
import { it } from 'node:test'
import { defineJob } from '../../api/job.ts'
import { type } from '../../api/types.ts'
import { discard } from '../../connectors/discard.ts'
import { execute } from '../execute.ts'

it('checkpoints are taken while what is under way at the end of the input is waited for', async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
  let completed = 0
  let finished = 0
  const job = defineJob('slow-end', (env) => {
    env.checkpointing.interval = 5
    env
      .fromCollection([1, 2, 3])
      .keyBy((n) => n)
      .process({
        emits: type<number>(),
        async onElement(n, ctx) {
          await answered
          ctx.emit(n)
        },
        finish: () => void finished++,
      })
      .sinkTo(discard())
  })
  const { state } = await execute(job, {
    onEvent({ kind }) {
      if (kind !== 'checkpoint-completed' || ++completed !== 3) return
      assert.equal(finished, 0)
      answer()
    },
  })
  assert.equal(state, 'finished')
  assert.equal(finished, 1)
})
