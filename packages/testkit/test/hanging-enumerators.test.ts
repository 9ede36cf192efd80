// Enumerators that never come to their end: the job does.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defineJob, discard, generator, type Job, type Sink, type Source, type SplitEnumerator } from '@millrace/engine'
import { VirtualMachine } from './virtual-job.ts'

const never = (): Promise<void> => new Promise(() => {})

function jobSource(enumerator: Partial<SplitEnumerator>, poll: () => 'wait'): Source<string> {
  return {
    connector: 'hanging',
    replayable: true,
    bounded: false,
    createEnumerator: (context) => ({
      start() {},
      addSplitsBack() {},
      addReader: (subtask) => context.assign(subtask, [{ id: String(subtask) }]),
      snapshot: () => 'nothing',
      close() {},
      ...enumerator,
    }),
    createReader: (context) => {
      // It is asked again and again.
      const soon = (): void => void context.clock.after(10, () => (context.wake(), soon()))
      soon()
      return { addSplits() {}, noMoreSplits() {}, poll, snapshot: () => [], close() {} }
    },
  }
}

function jobWith(enumerator: Partial<SplitEnumerator>, poll: () => 'wait' = () => 'wait'): Job {
  const source = jobSource(enumerator, poll)
  return defineJob('hanging', (env) => void env.fromSource(source, { uid: 'source' }).name('my source').sinkTo(discard()).uid('nothing'))
}

describe('an enumerator that never comes to its end', () => {
  it('in start, deaf to stopped: the job is cancelled and stopped all the same, which is told', async () => {
    for (const order of ['cancel', 'stop'] as const) {
      const machine = new VirtualMachine()
      const { promise: starts, resolve: start } = Promise.withResolvers<void>()
      let closed = 0
      const run = machine.start(jobWith({ start: () => starts, close: () => void closed++ }))
      await run.pass(1_000)
      void run.running[order]()
      await run.pass(6_000)
      assert.equal(run.result?.state, order === 'cancel' ? 'canceled' : 'stopped')
      assert.match(
        run
          .of('log')
          .map(({ record }) => record.message)
          .join('\n'),
        /start of the enumerator of my source/,
      )
      assert.equal(closed, 0, 'it is still being started')
      start()
      await run.pass(1)
      assert.equal(closed, 1, 'what has started too late is closed')
    }
  })

  it('in close: the job ends, and starts again after a failure', async () => {
    let polls = 0
    const fails = (): 'wait' => {
      if (polls++ === 0) throw new Error('boom')
      return 'wait'
    }
    const machine = new VirtualMachine()
    const options = { restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 5, delay: 100 } } }
    const run = machine.start(jobWith({ close: never }, fails), { options })
    await run.pass(20_000)
    assert.equal(run.of('started').length, 2)
    void run.running.stop()
    await run.pass(6_000)
    assert.equal(run.result?.state, 'stopped')
    assert.match(
      run
        .of('log')
        .map(({ record }) => record.message)
        .join('\n'),
      /close of the enumerator of my source/,
    )
  })

  it('in start, of a region that fails meanwhile: that starts again, and the other goes on', async () => {
    const machine = new VirtualMachine()
    let [starts, writers, fails] = [0, 0, false]
    const source = jobSource(
      {
        start: (): void | Promise<void> => (++starts === 2 ? new Promise(() => {}) : undefined),
      },
      () => {
        if (!fails) return 'wait'
        fails = false
        throw new Error('boom')
      },
    )
    const inner = discard<string>()
    const sink: Sink<string> = {
      ...inner,
      createWriter: (context) => {
        if (++writers === 2) throw new Error('not now')
        return inner.createWriter(context)
      },
    }
    const job = defineJob('parts', (env) => {
      env.fromSource(source, { uid: 'source' }).name('my source').sinkTo(sink).uid('sink')
      env
        .fromSource(generator({ generate: (n) => n, ratePerSecond: 10 }), { uid: 'others' })
        .sinkTo(discard())
        .uid('other sink')
    })
    const restart = { strategy: 'fixed-delay', fixedDelay: { attempts: 5, delay: 100 } }
    const run = machine.start(job, { options: { checkpointing: { interval: 200 }, restart } })
    await run.pass(1_000)
    fails = true
    await run.pass(20_000)
    assert.equal(run.of('restarting').length, 2)
    assert.equal(run.of('region-restarted').length, 1)
    assert.equal(run.of('started').length, 1)
    await run.cancel()
  })
})
