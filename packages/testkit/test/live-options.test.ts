// Options that change while a job runs.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, type Job, type Sink } from '@millrace/engine'
import type { ControlledJob } from '../../engine/src/runtime/control/control-server.ts'
import { VirtualMachine, type VirtualLayers, type VirtualRun } from './virtual-job.ts'

function reading(count: { read: number }, sink: Sink<number> = discard()): Job {
  return defineJob('reads', (env) => {
    env
      .fromSource(generator({ generate: (n) => n }), { uid: 'numbers' })
      .map((n) => {
        count.read++
        return n
      })
      .sinkTo(sink)
  })
}

interface Live {
  readonly run: VirtualRun
  readonly job: ControlledJob
  readonly count: { read: number }
}

async function live(options: object, sink?: Sink<number>): Promise<Live> {
  const count = { read: 0 }
  let job: ControlledJob | undefined
  const control: NonNullable<VirtualLayers['control']> = async (controlled) => {
    job = controlled
    return { retire: async () => {}, end: () => {} }
  }
  const run = new VirtualMachine().start(reading(count, sink), {
    options: { sources: { maxRecordsPerSecond: 10_000 }, ...options },
    control,
  })
  await run.until(() => run.of('started').length > 0)
  return { run, job: job!, count }
}

const completed = (run: VirtualRun): number => run.of('checkpoint-completed').length

describe('options of a running job', () => {
  it('option: checkpointing.interval: from none to often to none', async () => {
    const { run, job } = await live({})
    await run.pass(300)
    assert.equal(completed(run), 0)
    job.configure({ 'checkpointing.interval': '50ms' })
    await run.pass(500)
    const often = completed(run)
    assert.ok(often >= 9 && often <= 11, String(often))
    job.configure({ 'checkpointing.interval': 'none' })
    await run.pass(500)
    assert.ok(completed(run) <= often + 1)
    await run.cancel()
  })

  it('a pause, a timeout, and how many are kept', async () => {
    const { run, job } = await live({ checkpointing: { interval: 20, numRetained: 5 } })
    await run.pass(400)
    const before = completed(run)
    job.configure({ 'checkpointing.minPause': '200ms', 'checkpointing.timeout': '1s', 'checkpointing.numRetained': '1' })
    await run.pass(1_000)
    assert.ok(completed(run) - before <= 5, 'five fit into a second')
    assert.deepEqual(
      job.config().filter(({ origin }) => origin.includes('config')),
      [
        { key: 'checkpointing.minPause', value: '200ms', origin: '`millrace config`', dynamic: true },
        { key: 'checkpointing.timeout', value: '1s', origin: '`millrace config`', dynamic: true },
        { key: 'checkpointing.numRetained', value: '1', origin: '`millrace config`', dynamic: true },
      ],
    )
    await run.cancel()
  })

  it('how much its sources read', async () => {
    const { run, job, count } = await live({ parallelism: 2, sources: { maxRecordsPerSecond: 1_000 } })
    await run.pass(10_000)
    assert.ok(Math.abs(count.read - 10_000) < 2 * 512, String(count.read))
    job.configure({ 'sources.maxRecordsPerSecond': '5000' })
    const before = count.read
    await run.pass(10_000)
    assert.ok(Math.abs(count.read - before - 50_000) < 4 * 512, String(count.read - before))
    job.configure({ 'sources.maxRecordsPerSecond': '1' })
    const slow = count.read
    await run.pass(10_000)
    assert.ok(count.read - slow <= 2 * 512 + 10, String(count.read - slow))
    await run.cancel()
  })

  it('also while its threads are being started', async () => {
    const count = { read: 0 }
    const launch = Promise.withResolvers<void>()
    let job: ControlledJob | undefined
    const run = new VirtualMachine().start(reading(count), {
      options: { sources: { maxRecordsPerSecond: 100_000 } },
      launcher: (slots) => ({
        launch: async (...given) => {
          await launch.promise
          return await slots.launch(...given)
        },
      }),
      control: async (controlled) => {
        job = controlled
        return { retire: async () => {}, end: () => {} }
      },
    })
    await run.pass(1_000)
    job!.configure({ 'sources.maxRecordsPerSecond': '1000' })
    launch.resolve()
    await run.pass(10_000)
    assert.ok(count.read > 0 && count.read < 10_000 + 2 * 512, String(count.read))
    await run.cancel()
  })

  it('what is no option, is fixed or is wrong is refused, and nothing else of the order is done', async () => {
    const { run, job } = await live({})
    const before = job.config()
    const refused = (changes: Record<string, string>, code: string, words: RegExp): void =>
      assert.throws(
        () => job.configure({ 'checkpointing.interval': '1s', ...changes }),
        (error: Error & { code: string }) => {
          assert.equal(error.code, code)
          assert.match(error.message, words)
          return true
        },
      )
    refused({ 'checkpointing.intervall': '1s' }, 'OPTION_UNKNOWN', /did you mean "checkpointing\.interval"/)
    refused({ parallelism: '3' }, 'OPTION_FIXED', /parallelism cannot be changed while the job runs: stop the job with a savepoint/)
    refused({ 'checkpointing.timeout': 'soon' }, 'OPTION_INVALID', /must be a duration/)
    assert.deepEqual(job.config(), before)
    await run.cancel()
  })

  it('a sink that could not keep its promise is asked first', async () => {
    const sink: Sink<number> = {
      ...discard<number>(),
      checkCheckpoints: ({ intervalMs = 0 }) => {
        if (intervalMs > 1_000) throw new Error('transactions would time out')
      },
    }
    const { run, job } = await live({}, sink)
    assert.throws(() => job.configure({ 'checkpointing.interval': '5s' }), /transactions would time out/)
    job.configure({ 'checkpointing.interval': '500ms' })
    assert.equal(job.config().find(({ key }) => key === 'checkpointing.interval')?.value, '500ms')
    await run.cancel()
  })

  it('changes outlive a restart of the job', async () => {
    let failAt = Infinity
    let job: ControlledJob | undefined
    const failing = defineJob('fails', (env) => {
      let read = 0
      env
        .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
        .map((n) => {
          if (++read > failAt) {
            failAt = Infinity
            throw new Error('once')
          }
          return n
        })
        .sinkTo(discard())
    })
    const run = new VirtualMachine().start(failing, {
      options: { restart: { strategy: 'fixed-delay', fixedDelay: { delay: 1 } } },
      control: async (controlled) => {
        job = controlled
        return { retire: async () => {}, end: () => {} }
      },
    })
    await run.pass(100)
    job!.configure({ 'checkpointing.interval': '100ms' })
    failAt = 0
    await run.pass(50)
    assert.equal(run.of('restarting').length, 1)
    const before = completed(run)
    await run.pass(1_000)
    assert.ok(completed(run) - before >= 9)
    await run.cancel()
  })

  it('do not contradict what stays as it is', async () => {
    const { run, job } = await live({ checkpointing: { unaligned: true, interval: 50 } })
    assert.throws(() => job.configure({ 'checkpointing.maxConcurrent': '2' }), { code: 'CHECKPOINT_UNALIGNED_CONFLICT' })
    job.configure({ 'checkpointing.minPause': '20ms' })
    await run.cancel()
  })
})
