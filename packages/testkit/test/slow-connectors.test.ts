// What is said of functions and connectors that keep a job from beginning, or from its end.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { defineJob, type Sink, type SinkWriter } from '@millrace/engine'
import { VirtualMachine } from './virtual-job.ts'

const never = (): Promise<never> => new Promise(() => {})

it('an open and a close that do not come to their end are told, with their task, and once', async () => {
  const whole: SinkWriter<unknown> = { open() {}, write() {}, prepare: async () => [], close() {} }
  for (const during of ['open', 'close'] as const) {
    const sink: Sink<unknown> = { connector: 'own', delivery: 'none', createWriter: () => ({ ...whole, [during]: never }) }
    const machine = new VirtualMachine()
    const run = machine.start(defineJob('slow', (env) => void env.fromCollection([1]).uid('one').sinkTo(sink).uid('own').name('my sink')))
    await run.pass(60_000)
    const told = run.of('log').map(({ record }) => `${record.level}: ${record.message}`)
    assert.equal(told.length, 1, told.join('\n'))
    assert.match(told[0]!, new RegExp(`^warn: .*my sink.*: ${during} goes on for 4s, and the job waits for it`))
    assert.equal(run.result, undefined)
    await run.cancel()
  }
})
