// A job that is told to stop while its tasks are being opened, as a sink does that waits for its server.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { defineJob, discard, fileSink, generator, type Job, type Sink } from '@millrace/engine'
import { VirtualMachine } from './virtual-job.ts'

const COUNT = 300

function jobWith(open: () => Promise<void> | void): Job {
  const inner = fileSink<number>({ dir: '/data/out', format: 'json' })
  const sink: Sink<number> = {
    ...inner,
    createWriter: (context) => {
      const writer = inner.createWriter(context)
      const openInner = writer.open.bind(writer)
      writer.open = async (restored) => {
        await open()
        await openInner(restored)
      }
      return writer
    },
  }
  return defineJob('stopped', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 100, count: COUNT }), { uid: 'numbers' })
      .sinkTo(sink)
      .uid('sink')
  })
}

/** Has another part, which goes on while this one starts again. */
function jobOfTwoParts(fails: () => boolean, open: () => Promise<void> | void): Job {
  const one = discard<number>()
  const sink: Sink<number> = { ...one, createWriter: (context) => Object.assign(one.createWriter(context), { open }) }
  return defineJob('parts', (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'numbers' })
      .map((n) => {
        if (fails()) throw new Error('boom')
        return n
      })
      .uid('map')
      .sinkTo(sink)
      .uid('sink')
    env
      .fromSource(generator({ generate: (n) => n, ratePerSecond: 100 }), { uid: 'others' })
      .sinkTo(discard())
      .uid('other sink')
  })
}

it('ends soon, and is where it was: the next start goes on from the same checkpoint', async () => {
  const machine = new VirtualMachine()
  const options = { checkpointing: { storage: 'filesystem', interval: 200 } }
  const first = machine.start(
    jobWith(() => {}),
    { options },
  )
  await first.pass(1_050)
  await first.stop()
  const before = first.of('checkpoint-completed').length
  assert.ok(before > 3)

  const second = machine.start(
    jobWith(() => new Promise(() => {})),
    { options, restore: 'latest' },
  )
  await second.pass(1_000)
  const { done } = second.running
  const savepoint = second.running.savepoint().catch((error: unknown) => (error as { code?: string }).code)
  void second.running.stop()
  await second.pass(12_000)
  assert.equal(second.result?.state, 'stopped')
  await done
  assert.equal(await machine.clock.run(savepoint), 'SAVEPOINT_JOB_ENDED')
  assert.deepEqual(second.of('started'), [])

  const third = machine.start(
    jobWith(() => {}),
    { options, restore: 'latest' },
  )
  assert.equal((await third.end()).state, 'finished')
  const lines: string[] = []
  for (const name of await machine.list('/data/out')) {
    if (name.startsWith('.')) continue
    const text = Buffer.from(await machine.clock.run(machine.disk.readFile(`/data/out/${name}`))).toString('utf8')
    lines.push(...text.split('\n').slice(0, -1))
  }
  assert.deepEqual(
    lines.map(Number).toSorted((a, b) => a - b),
    Array.from({ length: COUNT }, (_, n) => n),
  )
})

it('ends soon also where a region is opened again while the other one goes on, with the checkpoint that there is', async () => {
  const machine = new VirtualMachine()
  const options = {
    checkpointing: { storage: 'filesystem', interval: 200 },
    restart: { strategy: 'fixed-delay', fixedDelay: { attempts: 5, delay: 100 } },
  }
  let failures = 1
  let opens = 0
  const job = jobOfTwoParts(
    () => machine.clock.now() - startMs > 1_000 && failures-- > 0,
    () => (opens++ === 0 ? undefined : new Promise(() => {})),
  )
  const startMs = machine.clock.now()
  const run = machine.start(job, { options })
  await run.pass(3_000)
  assert.equal(run.of('restarting')[0]?.region?.id, 0)
  assert.equal(opens, 2, 'it is being opened')
  const savepoint = run.running.savepoint().catch((error: unknown) => (error as { code?: string }).code)
  void run.running.stop()
  await run.pass(12_000)
  assert.equal(run.result?.state, 'stopped')
  assert.equal(run.result.lastCheckpoint?.id, run.of('checkpoint-completed').at(-1)?.checkpoint.id)
  assert.equal(await machine.clock.run(savepoint), 'SAVEPOINT_JOB_ENDED')
})
