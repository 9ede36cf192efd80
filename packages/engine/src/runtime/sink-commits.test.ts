import assert from 'node:assert/strict'
import { it } from 'node:test'
import { defineJob } from '../api/job.ts'
import type { Sink } from '../connectors/sink.ts'
import { execute } from './execute.ts'

it('a commit of the last checkpoint that fails is a failure of the job', async () => {
  const sink: Sink<number> = {
    connector: 'none',
    delivery: 'exactly-once',
    createWriter: () => ({
      open() {},
      write() {},
      prepare: async () => ['handle'],
      commit: async () => {
        throw new Error('the handle is refused')
      },
      close() {},
    }),
  }
  const job = defineJob('ends', (env) => void env.fromCollection([1]).sinkTo(sink))
  await assert.rejects(execute(job, { options: { restart: { strategy: 'none' } } }), /the handle is refused/)
})
